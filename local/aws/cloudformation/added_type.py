"""Resource types that moto's CloudFormation lacks, in the form of moto's classes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import BaseResponse
from moto.utilities.utils import get_partition

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Account and region of a stack."""

    account: str
    region: str

    @property
    def partition(self) -> str:
        """Return the partition of the region."""
        return get_partition(self.region)


@dataclass
class AddedResource:
    """A resource of a stack. moto sets type and logical id.

    :param physical_resource_id: value of `Ref`
    :param attributes: values of `Fn::GetAtt`
    """

    physical_resource_id: str
    attributes: Mapping[str, str]
    place: Place
    remove: Callable[[], None]
    cf_resource_type: str = ""
    logical_resource_id: str = ""

    def is_created(self) -> bool:
        """Return whether the resource is complete."""
        return True

    def get_cfn_attribute(self, name: str) -> str:
        """Return an attribute."""
        return self.attributes[name]

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete the resource."""
        del account_id, region_name
        self.remove()


@dataclass(frozen=True)
class Created:
    """The result of creating a resource.

    :param remove: function that deletes the resource
    """

    id: str
    remove: Callable[[], None]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AddedType:
    """A resource type. moto calls it like one of its classes.

    :param name_property: property with the physical name, if the type has one
    :param create: function of the place, the name and the properties, which creates the resource
    """

    type_name: str
    create: Callable[[Place, str, Properties], Created]
    name_property: str | None = None
    attributes: frozenset[str] = frozenset()

    def cloudformation_type(self) -> str:
        """Return the name of the type."""
        return self.type_name

    def cloudformation_name_type(self) -> str | None:
        """Return the property with the physical name."""
        return self.name_property

    def has_cfn_attr(self, attr: str) -> bool:
        """Return whether `Fn::GetAtt` knows an attribute."""
        return attr in self.attributes

    def create_from_cloudformation_json(
        self, resource_name: str, cloudformation_json: Properties, account_id: str, region_name: str, **_: Any
    ) -> AddedResource:
        """Create a resource."""
        place = Place(account_id, region_name)
        created = self.create(place, resource_name, cloudformation_json["Properties"])
        return AddedResource(created.id, created.attributes, place, created.remove)

    def update_from_cloudformation_json(
        self,
        original_resource: AddedResource,
        new_resource_name: str,
        cloudformation_json: Properties,
        account_id: str,
        region_name: str,
    ) -> AddedResource:
        """Replace a resource."""
        original_resource.remove()
        return self.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete_from_cloudformation_json(self, *_: Any) -> None:
        """Do nothing: `AddedResource.delete` has deleted the resource."""


def call_operation(handler: type[BaseResponse], method: str, place: Place, parameters: Properties) -> Any:
    """Call an operation as moto does for a request, so that the extensions of the operation apply.

    :param handler: class of a service whose parameters moto parses by the service's model
    """
    response: Any = handler()
    response.params, response.uri_match, response.querystring = dict(parameters), {}, {}
    response.current_account, response.region, response.partition = place.account, place.region, place.partition
    return getattr(response, method)()


def to_text(content: Any) -> str:
    """Return JSON of a template as text. In a template it can be an object or a text."""
    return content if isinstance(content, str) else json.dumps(content)
