"""Parts of CloudFormation templates: references, resources and texts with pseudo parameters."""

from collections.abc import Mapping
from typing import Any

Template = dict[str, Any]
Resource = dict[str, Any]


def ref(logical_id: str) -> dict[str, str]:
    """Return a reference to a resource or a parameter."""
    return {"Ref": logical_id}


def get_attribute(logical_id: str, attribute: str) -> dict[str, list[str]]:
    """Return an attribute of a resource."""
    return {"Fn::GetAtt": [logical_id, attribute]}


def build_resource(resource_type: str, properties: Mapping[str, Any], **attributes: Any) -> Resource:
    """Return a resource.

    :param attributes: attributes beside the properties, such as `DeletionPolicy`
    """
    return {"Type": resource_type, **attributes, "Properties": to_expressions(dict(properties))}


def build_retention(*, is_kept: bool) -> dict[str, str]:
    """Return the attributes of a resource that say what happens to it at the end of its stack.

    If the creation of the stack fails, CloudFormation deletes the resource in both cases.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html

    :param is_kept: keep it when the stack is deleted, or when an update replaces it
    """
    if is_kept:
        return {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    return {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}


def to_expressions(value: Any) -> Any:
    """Return a value in which each text with a pseudo parameter (`${AWS::AccountId}`) is a Fn::Sub.

    Variables of IAM policies (`${aws:userid}`) in such a text stay as they are.
    """
    match value:
        case str() if "${AWS::" in value:
            return {"Fn::Sub": value.replace("${aws:", "${!aws:")}
        case {"Fn::Sub": _}:
            return value
        case dict():
            return {key: to_expressions(inner) for key, inner in value.items()}
        case list() | tuple():
            return [to_expressions(inner) for inner in value]
        case _:
            return value


def to_logical_id(name: str) -> str:
    """Return the logical id of a name: OnInstancesStream for `on_instances_stream`."""
    words = "".join(character if character.isalnum() else " " for character in name).split()
    return "".join(word[0].upper() + word[1:] for word in words)
