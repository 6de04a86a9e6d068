"""Extension of moto's CloudFormation by resource types and properties. Unknown types are refused, as on AWS."""

import json
from collections.abc import Callable
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack

from local.aws.cloudformation import dropped_properties, functions, messaging, monitoring, rest_api, roles
from local.aws.cloudformation.added_type import AddedType
from local.aws.core.patches import Patches

RETAIN, RETAIN_EXCEPT_ON_CREATE = "Retain", "RetainExceptOnCreate"

TYPES: tuple[AddedType, ...] = (*monitoring.TYPES, *messaging.TYPES, *functions.TYPES, *rest_api.TYPES)


def patch(patches: Patches) -> None:
    """Add the types, and keep the properties that moto drops."""
    models: list[Any] = [*parsing.get_model_list(), *TYPES]
    by_type = {model.cloudformation_type(): model for model in models}
    names = {model.cloudformation_type(): model.cloudformation_name_type() for model in models}
    patches.wrap(parsing, "get_model_list", lambda _: lambda: models)
    patches.wrap(parsing, "get_model_map", lambda _: lambda: by_type)
    patches.wrap(parsing, "get_name_type_map", lambda _: lambda: names)
    patches.wrap(parsing.ResourceMap, "delete", _keep_retained)
    patches.wrap(Stack, "parse_template", _read_json_first)
    patches.wrap(parsing, "resource_class_from_type", lambda original: _refuse_unknown_types(original, by_type))
    for module in (dropped_properties, functions, rest_api, roles):
        module.patch(patches)


def _read_json_first(original: Callable[[str], Any]) -> Any:
    """Read a template as JSON if it is JSON. moto reads it as YAML, which takes seconds for the stacks of a stage."""

    def parse_template(template: str) -> Any:
        try:
            return json.loads(template)
        except json.JSONDecodeError:
            return original(template)

    return staticmethod(parse_template)


def _keep_retained(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """Keep the resources that outlive a stack when it is deleted. moto knows only the deletion policy `Retain`.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """

    def delete(resources: Any) -> None:
        resources._resource_json_map = {
            name: {**each, "DeletionPolicy": RETAIN} if each.get("DeletionPolicy") == RETAIN_EXCEPT_ON_CREATE else each
            for name, each in resources._resource_json_map.items()
        }
        original(resources)

    return delete


def _refuse_unknown_types(original: Any, known: dict[str, Any]) -> Any:
    """Refuse resource types that moto does not know. moto skips them, so a stack would lack resources."""

    def find_class(resource_type: str) -> Any:
        if resource_type not in known and not resource_type.startswith("Custom::"):
            raise ValidationError(message=f"Template format error: Unrecognized resource types: [{resource_type}]")
        return original(resource_type)

    return find_class
