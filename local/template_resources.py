"""Creation of resources of the templates with single calls, much faster than a stack of CloudFormation.

A property of a template that no call uses is an error, so that templates and local cloud cannot differ. Attributes that
only CloudFormation knows, such as deletion policies, are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.resource_types import TYPES, CreatedResource


class UnknownResourceType(ValueError):
    """The template has a resource that this module cannot create."""


class UnknownProperty(ValueError):
    """The template has a property that this module does not pass on."""


@dataclass
class ResourceCreator:
    """Creates resources in one region, in the order of the template.

    :ivar created: the resources by logical id
    """

    region: str
    created: dict[str, CreatedResource] = field(default_factory=dict)

    def create_all(self, resources: Mapping[str, Mapping[str, Any]]) -> None:
        """Create resources. Each may refer to those before it.

        :raises UnknownResourceType: a resource has a type that is not known here
        :raises UnknownProperty: a resource has a property that is not known here
        """
        for logical_id, resource in resources.items():
            kind = resource["Type"]
            if kind not in TYPES:
                raise UnknownResourceType(f"{logical_id} has the type {kind}, which {__name__} cannot create.")
            if unknown := sorted(set(resource["Properties"]) - TYPES[kind].properties):
                raise UnknownProperty(f"{logical_id} has {', '.join(unknown)}, which {__name__} does not pass on.")
            self.created[logical_id] = TYPES[kind].create(self.region, self.resolve(resource["Properties"]))

    def resolve(self, value: Any) -> Any:
        """Return a value without expressions of CloudFormation. Conditions are false: their settings are empty."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": str() as logical_id}:
                return self.created[logical_id].ref
            case {"Fn::GetAtt": [logical_id, attribute]}:
                return self.created[logical_id].attributes[attribute]
            case {"Fn::If": [_, _, otherwise]}:
                return self.resolve(otherwise)
            case dict():
                resolved = {key: self.resolve(inner) for key, inner in value.items()}
                return {key: inner for key, inner in resolved.items() if inner is not None}
            case list():
                return [self.resolve(inner) for inner in value]
            case _:
                return value
