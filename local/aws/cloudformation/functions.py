"""Lambda: how often and how long asynchronous invocations are tried, and properties of functions that moto drops.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html
"""

from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction, Permission, lambda_backends

from local.aws.cloudformation.added_type import AddedType, Created, Place, Properties
from local.aws.core.patches import Patches

INVOKE_PROPERTIES = ("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")


def patch(patches: Patches) -> None:
    """Keep the properties that moto drops."""
    patches.wrap(LambdaFunction, "create_from_cloudformation_json", _keep_properties)
    patches.wrap(LambdaFunction, "get_configuration", _add_logging)
    patches.wrap(Permission, "create_from_cloudformation_json", _clean_statement)


def _keep_properties(original: Callable[..., Any]) -> Any:
    def create(name: str, template: Any, account_id: str, region_name: str, **rest: Any) -> Any:
        function = original(name, template, account_id, region_name, **rest)
        properties = template["Properties"]
        function.logging_config = properties.get("LoggingConfig")
        function.architectures = properties.get("Architectures", function.architectures)
        function.tags |= {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return function

    return staticmethod(create)


def _add_logging(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def get_configuration(function: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        logging = getattr(function, "logging_config", None)
        added = {"LoggingConfig": logging} if logging else {}
        return original(function, *arguments, **options) | added

    return get_configuration


def _clean_statement(original: Callable[..., Any]) -> Any:
    """Remove the property of the template that moto leaves in the policy of the function, and give a Sid."""

    def create(name: str, template: Any, account_id: str, region_name: str, **rest: Any) -> Any:
        permission = original(name, template, account_id, region_name, **rest)
        function = lambda_backends[account_id][region_name].get_function(template["Properties"]["FunctionName"])
        statement = function.policy.statements[-1]
        statement.pop("FunctionName", None)
        statement["Sid"] = name
        return permission

    return staticmethod(create)


def _create_invoke_config(place: Place, name: str, properties: Properties) -> Created:
    backend = lambda_backends[place.account][place.region]
    function = properties["FunctionName"]
    config = {key: properties[key] for key in INVOKE_PROPERTIES if key in properties}
    for key in INVOKE_PROPERTIES[1:]:
        if key in config:
            config[key] = int(config[key])
    backend.put_function_event_invoke_config(function, config)

    def remove() -> None:
        # moto deletes the resources of a stack in any order.
        if any(existing.function_name == function for existing in backend.list_functions()):
            backend.delete_function_event_invoke_config(function)

    return Created(name, remove)


TYPES = (AddedType("AWS::Lambda::EventInvokeConfig", _create_invoke_config),)
