"""Access checks of RunInstances: on each resource that it uses or creates, on each tag, and on the role that it passes.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances
"""

from collections.abc import Iterator, Mapping
from typing import Any

from local.aws.iam.access_checks.call import (
    AccessCheck,
    Call,
    Facts,
    build_request_tags,
    build_tag_context,
)
from local.aws.iam.errors import UnknownOperation
from local.aws.iam.patterns import Context

ACTION = "ec2:RunInstances"

KNOWN_PARAMETERS = frozenset(
    {
        "BlockDeviceMappings",
        "ClientToken",
        "DryRun",
        "EbsOptimized",
        "IamInstanceProfile",
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "InstanceMarketOptions",
        "InstanceType",
        "KeyName",
        "MaxCount",
        "MetadataOptions",
        "MinCount",
        "Monitoring",
        "NetworkInterfaces",
        "Placement",
        "SecurityGroupIds",
        "SubnetId",
        "TagSpecifications",
        "UserData",
    }
)
"""Other parameters can name further resources, such as a launch template, which IAM checks, too."""

KNOWN_PLACEMENT = frozenset({"AvailabilityZone", "Tenancy"})
KNOWN_INTERFACE = frozenset(
    {"AssociatePublicIpAddress", "DeleteOnTermination", "Description", "DeviceIndex", "Groups", "SubnetId"}
)


def list_checks_of_run_instances(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of a launch.

    :raises UnknownOperation: a parameter may name a resource that is not known here
    """
    _refuse_unknown("", call.parameters, KNOWN_PARAMETERS)
    _refuse_unknown("Placement.", call.parameters.get("Placement", {}), KNOWN_PLACEMENT)
    for interface in call.parameters.get("NetworkInterfaces", []):
        _refuse_unknown("NetworkInterfaces.", interface, KNOWN_INTERFACE)
    tags = list_tag_specifications(call)
    profile = call.parameters.get("IamInstanceProfile", {})
    yield _list_checks_of_instance(call, tags, profile)
    for kind, context in _list_created_resources(call, tags):
        yield AccessCheck(ACTION, call.build_arn("ec2", f"{kind}/*"), context)
    yield from _list_checks_of_existing_resources(call, facts)
    yield from _list_checks_of_spot(call, facts, tags)
    for kind, requested in tags.items():
        context = {**build_request_tags(requested), "ec2:CreateAction": "RunInstances"}
        yield AccessCheck("ec2:CreateTags", call.build_arn("ec2", f"{kind}/*"), context)
    if profile:
        name = profile.get("Name") or profile["Arn"].rpartition("/")[2]
        role = facts.find_profile_role(name) or call.build_arn("iam", f"role/{name}", region="")
        yield AccessCheck("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})


def build_resource_context(call: Call, facts: Facts, kind: str, resource_id: str) -> dict[str, str]:
    """Return the condition keys of an existing resource. EC2 has two keys for each of its tags."""
    tags = facts.get_tags(call.region, kind, resource_id)
    return {**build_tag_context("aws:ResourceTag", tags), **build_tag_context("ec2:ResourceTag", tags)}


def list_tag_specifications(call: Call) -> dict[str, dict[str, str]]:
    """Return the tags of a request by kind of resource."""
    found: dict[str, dict[str, str]] = {}
    for specification in call.parameters.get("TagSpecifications", []):
        tags = {tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags", [])}
        found.setdefault(specification["ResourceType"], {}).update(tags)
    return found


def _list_checks_of_instance(
    call: Call, tags: Mapping[str, Mapping[str, str]], profile: Mapping[str, str]
) -> AccessCheck:
    parameters, options = call.parameters, call.parameters.get("MetadataOptions", {})
    context: dict[str, Any] = {
        **build_request_tags(tags.get("instance", {})),
        "ec2:InstanceType": parameters["InstanceType"],
        "ec2:MetadataHttpEndpoint": options.get("HttpEndpoint", "enabled"),
        "ec2:Tenancy": parameters.get("Placement", {}).get("Tenancy", "default"),
        "ec2:InstanceMarketType": "spot" if _is_spot(call) else "on-demand",
        "ec2:EbsOptimized": _to_text(parameters.get("EbsOptimized", False)),
        "ec2:RootDeviceType": "ebs",
    }
    if "HttpTokens" in options:
        context["ec2:MetadataHttpTokens"] = options["HttpTokens"]
    if "HttpPutResponseHopLimit" in options:
        context["ec2:MetadataHttpPutResponseHopLimit"] = str(options["HttpPutResponseHopLimit"])
    if profile:
        context["ec2:InstanceProfile"] = profile.get("Arn") or call.build_arn(
            "iam", f"instance-profile/{profile['Name']}", region=""
        )
    return AccessCheck(ACTION, call.build_arn("ec2", "instance/*"), context)


def _is_spot(call: Call) -> bool:
    return bool(call.parameters.get("InstanceMarketOptions", {}).get("MarketType") == "spot")


def _list_checks_of_spot(call: Call, facts: Facts, tags: Mapping[str, Mapping[str, str]]) -> Iterator[AccessCheck]:
    """Yield the checks of the spot request, and of the service-linked role, which the first launch creates.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
    """
    if not _is_spot(call):
        return
    request = build_request_tags(tags.get("spot-instances-request", {}))
    yield AccessCheck(ACTION, call.build_arn("ec2", "spot-instances-request/*"), request)
    if not facts.has_spot_role():
        role = "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
        context = {"iam:AWSServiceName": "spot.amazonaws.com"}
        yield AccessCheck("iam:CreateServiceLinkedRole", call.build_arn("iam", role, region=""), context)


def _list_created_resources(call: Call, tags: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, Context]]:
    """Yield the volumes and network interfaces that are created. Without a mapping, the image's root disk is one."""
    disks = [mapping["Ebs"] for mapping in call.parameters.get("BlockDeviceMappings", []) if "Ebs" in mapping] or [{}]
    for disk in disks:
        context: dict[str, Any] = {
            **build_request_tags(tags.get("volume", {})),
            "ec2:Encrypted": _to_text(disk.get("Encrypted", False)),
        }
        if "VolumeType" in disk:
            context["ec2:VolumeType"] = disk["VolumeType"]
        if "VolumeSize" in disk:
            context["ec2:VolumeSize"] = str(disk["VolumeSize"])
        yield "volume", context
    for interface in call.parameters.get("NetworkInterfaces") or [{}]:
        context = dict(build_request_tags(tags.get("network-interface", {})))
        if "AssociatePublicIpAddress" in interface:
            context["ec2:AssociatePublicIpAddress"] = _to_text(interface["AssociatePublicIpAddress"])
        yield "network-interface", context


def _list_checks_of_existing_resources(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of existing resources: image, snapshots, subnets, security groups and key pair."""
    parameters = call.parameters
    image_id = parameters["ImageId"]
    alias = facts.find_image_owner(call.region, image_id)
    owner = {"ec2:Owner": alias} if alias else {}
    image = {**build_resource_context(call, facts, "image", image_id), **owner, "ec2:ImageID": image_id}
    yield AccessCheck(ACTION, call.build_arn("ec2", f"image/{image_id}", account=""), image)
    for snapshot in facts.list_image_snapshots(call.region, image_id):
        # AWS calls this resource optional, and it is not known when EC2 checks it. A policy that allows it is right in
        # both cases.
        context = {**build_resource_context(call, facts, "snapshot", snapshot), **owner}
        yield AccessCheck(ACTION, call.build_arn("ec2", f"snapshot/{snapshot}", account=""), context)
    for mapping in parameters.get("BlockDeviceMappings", []):
        if snapshot := mapping.get("Ebs", {}).get("SnapshotId"):
            arn = call.build_arn("ec2", f"snapshot/{snapshot}", account="")
            yield AccessCheck(ACTION, arn, build_resource_context(call, facts, "snapshot", snapshot))
    for kind, resource_id in dict.fromkeys(_list_networks(call, facts)):
        context = build_resource_context(call, facts, kind, resource_id)
        if vpc := facts.find_vpc(call.region, kind, resource_id):
            context["ec2:Vpc"] = call.build_arn("ec2", f"vpc/{vpc}")
        yield AccessCheck(ACTION, call.build_arn("ec2", f"{kind}/{resource_id}"), context)
    if key := parameters.get("KeyName"):
        yield AccessCheck(ACTION, call.build_arn("ec2", f"key-pair/{key}"), {"ec2:KeyPairName": key})


def _list_networks(call: Call, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the subnet and the security groups of each network interface: the default ones if the call names none.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
    """
    parameters = call.parameters
    only_interface = {"SubnetId": parameters.get("SubnetId"), "Groups": parameters.get("SecurityGroupIds")}
    for interface in parameters.get("NetworkInterfaces") or [only_interface]:
        subnet = interface.get("SubnetId") or facts.find_default_subnet(call.region)
        yield "subnet", subnet
        vpc = facts.find_vpc(call.region, "subnet", subnet)
        for group in interface.get("Groups") or [facts.find_default_group(call.region, vpc)]:
            yield "security-group", group


def _refuse_unknown(prefix: str, found: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(found.keys() - known):
        names = ", ".join(f"{prefix}{name}" for name in unknown)
        raise UnknownOperation(f"The access checks of {ACTION} with {names} are unknown.")


def _to_text(value: Any) -> str:
    return str(value).lower()
