"""Extension of resource types of moto: what CloudFormation does at a creation and moto does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.aws.cloudformation.added_type import Place, Properties
from local.aws.core.patches import Patches


@dataclass(frozen=True)
class Creation:
    """The creation of a resource by a stack.

    :param name: physical name
    """

    name: str
    properties: Properties
    place: Place


Extend = Callable[[Any, Creation], None]
"""Function that completes a resource that moto has created."""


def extend_creation(patches: Patches, owner: type, extend: Extend) -> None:
    """Complete the resources of a type after moto has created them.

    :param owner: class of moto for the type
    """

    def wrap(original: Callable[..., Any]) -> Any:
        def create(name: str, template: Any, account_id: str, region_name: str, **rest: Any) -> Any:
            resource = original(name, template, account_id, region_name, **rest)
            extend(resource, Creation(name, template["Properties"], Place(account_id, region_name)))
            return resource

        return staticmethod(create)

    patches.wrap(owner, "create_from_cloudformation_json", wrap)
