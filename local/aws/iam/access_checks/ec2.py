"""Access checks of EC2 and EC2 Instance Connect.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.aws.iam.access_checks.call import (
    AccessCheck,
    Call,
    Facts,
    ListChecks,
    build_request_tags,
    list_checks_without_resource,
)
from local.aws.iam.access_checks.ec2_launch import (
    build_resource_context,
    list_checks_of_run_instances,
    list_tag_specifications,
)

UNRESTRICTED = (
    "DescribeAvailabilityZones",
    "DescribeImages",
    "DescribeInstanceStatus",
    "DescribeInstanceTypeOfferings",
    "DescribeInstanceTypes",
    "DescribeInstances",
    "DescribeNetworkInterfaces",
    "DescribeRegions",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeSpotPriceHistory",
    "DescribeSubnets",
    "DescribeVolumes",
    "DescribeVpcs",
)


def _list_checks_of_instances(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    for instance_id in call.parameters["InstanceIds"]:
        context = build_resource_context(call, facts, "instance", instance_id)
        yield AccessCheck(f"ec2:{call.operation}", call.build_arn("ec2", f"instance/{instance_id}"), context)


def _list_checks_of_spot_requests(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    for request_id in call.parameters["SpotInstanceRequestIds"]:
        context = build_resource_context(call, facts, "spot-instances-request", request_id)
        arn = call.build_arn("ec2", f"spot-instances-request/{request_id}")
        yield AccessCheck(f"ec2:{call.operation}", arn, context)


def _list_checks_of_describe_attribute(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of one attribute of an instance."""
    instance_id, attribute = call.parameters["InstanceId"], call.parameters["Attribute"]
    context = build_resource_context(call, facts, "instance", instance_id)
    context["ec2:Attribute"] = attribute[0].upper() + attribute[1:]
    arn = call.build_arn("ec2", f"instance/{instance_id}")
    return (AccessCheck("ec2:DescribeInstanceAttribute", arn, context),)


def _list_checks_of_modify_attribute(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the check of each changed attribute. `Attribute` and `Value` are the old parameters for one attribute."""
    parameters = call.parameters
    instance_id = parameters["InstanceId"]
    context = build_resource_context(call, facts, "instance", instance_id)
    changed = [name for name in parameters if name not in ("Attribute", "DryRun", "InstanceId", "Value")]
    for name in [*changed, *([parameters["Attribute"]] if "Attribute" in parameters else [])]:
        attribute = name[0].upper() + name[1:]
        yield AccessCheck(
            "ec2:ModifyInstanceAttribute",
            call.build_arn("ec2", f"instance/{instance_id}"),
            {**context, "ec2:Attribute": attribute},
        )


def _build_list_checks_without_account(kind: str, parameter: str) -> ListChecks:
    """Return a function that returns the check of one image or snapshot, whose ARN has no account."""

    def list_checks(call: Call, facts: Facts) -> Iterable[AccessCheck]:
        resource_id = call.parameters[parameter]
        arn = call.build_arn("ec2", f"{kind}/{resource_id}", account="")
        return (AccessCheck(f"ec2:{call.operation}", arn, build_resource_context(call, facts, kind, resource_id)),)

    return list_checks


def _list_checks_of_create_image(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of the instance, and of the image and the snapshots that are created, with their tags."""
    instance_id = call.parameters["InstanceId"]
    context = build_resource_context(call, facts, "instance", instance_id)
    yield AccessCheck("ec2:CreateImage", call.build_arn("ec2", f"instance/{instance_id}"), context)
    tags = list_tag_specifications(call)
    for kind in ("image", "snapshot"):
        arn = call.build_arn("ec2", f"{kind}/*", account="")
        requested: Mapping[str, Any] = build_request_tags(tags.get(kind, {}))
        yield AccessCheck("ec2:CreateImage", arn, requested)
        if requested:
            yield AccessCheck("ec2:CreateTags", arn, {**requested, "ec2:CreateAction": "CreateImage"})


def _list_checks_of_copy_image(call: Call, _facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of the source, which has no tags in the context, and of the image and snapshots of the copy.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/copy-ami-permissions.html
    """
    source = f"arn:aws:ec2:{call.parameters['SourceRegion']}::image/{call.parameters['SourceImageId']}"
    yield AccessCheck("ec2:CopyImage", source, {})
    tags = list_tag_specifications(call)
    for kind in ("image", "snapshot"):
        arn = call.build_arn("ec2", f"{kind}/*", account="")
        requested: Mapping[str, Any] = build_request_tags(tags.get(kind, {}))
        yield AccessCheck("ec2:CopyImage", arn, requested)
        if requested:
            yield AccessCheck("ec2:CreateTags", arn, {**requested, "ec2:CreateAction": "CopyImage"})


def _list_checks_of_create_tags(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of tags of existing resources. They do not have the key `ec2:CreateAction`."""
    kinds = {"i": "instance", "vol": "volume", "eni": "network-interface", "ami": "image", "snap": "snapshot"}
    requested = build_request_tags({tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags", [])})
    for resource_id in call.parameters["Resources"]:
        kind = kinds[resource_id.partition("-")[0]]
        account = "" if kind in ("image", "snapshot") else None
        context = build_resource_context(call, facts, kind, resource_id)
        arn = call.build_arn("ec2", f"{kind}/{resource_id}", account=account)
        yield AccessCheck(f"ec2:{call.operation}", arn, {**context, **requested})


def _list_checks_of_send_key(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of an ssh key.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2instanceconnect.html
    """
    instance_id = call.parameters["InstanceId"]
    context = build_resource_context(call, facts, "instance", instance_id)
    context["ec2:osuser"] = call.parameters["InstanceOSUser"]
    arn = call.build_arn("ec2", f"instance/{instance_id}")
    return (AccessCheck("ec2-instance-connect:SendSSHPublicKey", arn, context),)


EC2: Mapping[str, ListChecks] = {
    **dict.fromkeys(UNRESTRICTED, list_checks_without_resource),
    **dict.fromkeys(
        ("RebootInstances", "StartInstances", "StopInstances", "TerminateInstances"), _list_checks_of_instances
    ),
    "CopyImage": _list_checks_of_copy_image,
    "CancelSpotInstanceRequests": _list_checks_of_spot_requests,
    "CreateImage": _list_checks_of_create_image,
    "CreateTags": _list_checks_of_create_tags,
    "DeleteTags": _list_checks_of_create_tags,
    "DescribeInstanceAttribute": _list_checks_of_describe_attribute,
    "DeleteSnapshot": _build_list_checks_without_account("snapshot", "SnapshotId"),
    "DeregisterImage": _build_list_checks_without_account("image", "ImageId"),
    "ModifyInstanceAttribute": _list_checks_of_modify_attribute,
    "RunInstances": list_checks_of_run_instances,
}

INSTANCE_CONNECT: Mapping[str, ListChecks] = {"SendSSHPublicKey": _list_checks_of_send_key}
