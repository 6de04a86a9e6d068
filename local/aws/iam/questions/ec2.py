"""Questions about EC2 and EC2 Instance Connect.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.aws.iam.questions.call import (
    Ask,
    Call,
    Facts,
    Question,
    ask_without_resource,
    build_request_tags,
    build_tag_context,
)
from local.aws.iam.questions.ec2_launch import ask_run_instances, list_tag_specifications

UNRESTRICTED = (
    "DescribeAvailabilityZones",
    "DescribeImages",
    "DescribeInstanceStatus",
    "DescribeInstanceTypeOfferings",
    "DescribeInstanceTypes",
    "DescribeInstances",
    "DescribeRegions",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSubnets",
    "DescribeVolumes",
    "DescribeVpcs",
)


def build_resource_context(call: Call, facts: Facts, kind: str, resource_id: str) -> dict[str, str]:
    """Return the condition keys of an existing resource: EC2 has its tags under two names."""
    tags = facts.get_tags(call.region, kind, resource_id)
    return {**build_tag_context("aws:ResourceTag", tags), **build_tag_context("ec2:ResourceTag", tags)}


def _ask_about_instances(call: Call, facts: Facts) -> Iterator[Question]:
    for instance_id in call.parameters["InstanceIds"]:
        context = build_resource_context(call, facts, "instance", instance_id)
        yield Question(f"ec2:{call.operation}", call.build_arn("ec2", f"instance/{instance_id}"), context)


def _ask_modify_attribute(call: Call, facts: Facts) -> Iterator[Question]:
    """Ask about each attribute that the call changes. `Attribute` and `Value` are the old form of one."""
    parameters = call.parameters
    instance_id = parameters["InstanceId"]
    context = build_resource_context(call, facts, "instance", instance_id)
    changed = [name for name in parameters if name not in ("Attribute", "DryRun", "InstanceId", "Value")]
    for name in [*changed, *([parameters["Attribute"]] if "Attribute" in parameters else [])]:
        attribute = name[0].upper() + name[1:]
        yield Question(
            "ec2:ModifyInstanceAttribute",
            call.build_arn("ec2", f"instance/{instance_id}"),
            {**context, "ec2:Attribute": attribute},
        )


def _ask_about_owned(kind: str, parameter: str) -> Ask:
    """Return the questions about one image or snapshot, whose ARN has no account."""

    def ask(call: Call, facts: Facts) -> Iterable[Question]:
        resource_id = call.parameters[parameter]
        arn = call.build_arn("ec2", f"{kind}/{resource_id}", account="")
        return (Question(f"ec2:{call.operation}", arn, build_resource_context(call, facts, kind, resource_id)),)

    return ask


def _ask_create_image(call: Call, facts: Facts) -> Iterator[Question]:
    """Ask about the instance, and about the image and the snapshots that are created, with their tags."""
    instance_id = call.parameters["InstanceId"]
    context = build_resource_context(call, facts, "instance", instance_id)
    yield Question("ec2:CreateImage", call.build_arn("ec2", f"instance/{instance_id}"), context)
    tags = list_tag_specifications(call)
    for kind in ("image", "snapshot"):
        arn = call.build_arn("ec2", f"{kind}/*", account="")
        requested: Mapping[str, Any] = build_request_tags(tags.get(kind, {}))
        yield Question("ec2:CreateImage", arn, requested)
        if requested:
            yield Question("ec2:CreateTags", arn, {**requested, "ec2:CreateAction": "CreateImage"})


def _ask_create_tags(call: Call, facts: Facts) -> Iterator[Question]:
    """Ask about tags of existing resources: without `ec2:CreateAction`."""
    kinds = {"i": "instance", "vol": "volume", "eni": "network-interface", "ami": "image", "snap": "snapshot"}
    requested = build_request_tags({tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags", [])})
    for resource_id in call.parameters["Resources"]:
        kind = kinds[resource_id.partition("-")[0]]
        account = "" if kind in ("image", "snapshot") else None
        context = build_resource_context(call, facts, kind, resource_id)
        arn = call.build_arn("ec2", f"{kind}/{resource_id}", account=account)
        yield Question(f"ec2:{call.operation}", arn, {**context, **requested})


def _ask_send_key(call: Call, facts: Facts) -> Iterable[Question]:
    """Ask about an ssh key.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2instanceconnect.html
    """
    instance_id = call.parameters["InstanceId"]
    context = build_resource_context(call, facts, "instance", instance_id)
    context["ec2:osuser"] = call.parameters["InstanceOSUser"]
    arn = call.build_arn("ec2", f"instance/{instance_id}")
    return (Question("ec2-instance-connect:SendSSHPublicKey", arn, context),)


EC2: Mapping[str, Ask] = {
    **dict.fromkeys(UNRESTRICTED, ask_without_resource),
    **dict.fromkeys(("RebootInstances", "StartInstances", "StopInstances", "TerminateInstances"), _ask_about_instances),
    "CreateImage": _ask_create_image,
    "CreateTags": _ask_create_tags,
    "DeleteTags": _ask_create_tags,
    "DeleteSnapshot": _ask_about_owned("snapshot", "SnapshotId"),
    "DeregisterImage": _ask_about_owned("image", "ImageId"),
    "ModifyInstanceAttribute": _ask_modify_attribute,
    "RunInstances": ask_run_instances,
}

INSTANCE_CONNECT: Mapping[str, Ask] = {"SendSSHPublicKey": _ask_send_key}
