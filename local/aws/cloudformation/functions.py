"""Lambda: the configuration of asynchronous invocations, and properties of functions that moto drops.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html
"""

from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction, Permission, lambda_backends

from local.aws.cloudformation.added_type import AddedType, Created, Place, Properties
from local.aws.cloudformation.creation import Creation, extend_creation
from local.aws.core.patches import Patches

INVOKE_NUMBERS = ("MaximumEventAgeInSeconds", "MaximumRetryAttempts")
INVOKE_PROPERTIES = ("DestinationConfig", *INVOKE_NUMBERS)


def patch(patches: Patches) -> None:
    """Keep the properties that moto drops."""
    extend_creation(patches, LambdaFunction, _keep_properties)
    extend_creation(patches, Permission, _clean_statement)
    patches.wrap(LambdaFunction, "get_configuration", _add_logging)


def _keep_properties(function: Any, creation: Creation) -> None:
    properties = creation.properties
    function.logging_config = properties.get("LoggingConfig")
    function.architectures = properties.get("Architectures", function.architectures)
    function.tags |= {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}


def _add_logging(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def get_configuration(function: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        logging = getattr(function, "logging_config", None)
        added = {"LoggingConfig": logging} if logging else {}
        return original(function, *arguments, **options) | added

    return get_configuration


def _clean_statement(_: Any, creation: Creation) -> None:
    """Remove the template's property that moto leaves in the statement of a permission, and set its Sid."""
    backend = lambda_backends[creation.place.account][creation.place.region]
    statement = backend.get_function(creation.properties["FunctionName"]).policy.statements[-1]
    statement.pop("FunctionName", None)
    statement["Sid"] = creation.name


def _create_invoke_config(place: Place, name: str, properties: Properties) -> Created:
    backend = lambda_backends[place.account][place.region]
    function = properties["FunctionName"]
    config = {key: properties[key] for key in INVOKE_PROPERTIES if key in properties}
    config |= {key: int(config[key]) for key in INVOKE_NUMBERS if key in config}
    backend.put_function_event_invoke_config(function, config)

    def remove() -> None:
        # moto deletes the resources of a stack in any order.
        if any(existing.function_name == function for existing in backend.list_functions()):
            backend.delete_function_event_invoke_config(function)

    return Created(name, remove)


TYPES = (AddedType("AWS::Lambda::EventInvokeConfig", _create_invoke_config),)
