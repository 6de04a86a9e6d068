"""The request of a launch, in the form of RunInstances."""

from typing import TYPE_CHECKING

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.launch_attempt import LaunchAttempt

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        BlockDeviceMappingTypeDef,
        InstanceMarketOptionsRequestTypeDef,
        InstanceNetworkInterfaceSpecificationTypeDef,
        RunInstancesRequestTypeDef,
        TagSpecificationTypeDef,
    )

TAGGED_RESOURCES = ("instance", "volume", "network-interface")
SPOT_REQUEST_RESOURCE = "spot-instances-request"


def build_run_instances_request(attempt: LaunchAttempt) -> "RunInstancesRequestTypeDef":
    """Return the parameters of RunInstances, exactly as the attempt says.

    The instance accepts IMDSv2 only, has no key pair, and a shutdown from inside stops it.
    """
    request: RunInstancesRequestTypeDef = {
        "ClientToken": attempt.token,
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": attempt.image_id,
        "InstanceType": attempt.instance_type,  # type: ignore[typeddict-item]
        "IamInstanceProfile": {"Name": attempt.instance_profile},
        "InstanceInitiatedShutdownBehavior": "stop",
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": attempt.metadata_hop_limit,
        },
        "BlockDeviceMappings": [_build_root_disk(attempt)],
        "NetworkInterfaces": [_build_network_interface(attempt)],
        "TagSpecifications": _build_tag_specifications(attempt),
    }
    if attempt.market is Market.SPOT:
        request["InstanceMarketOptions"] = _build_spot_options()
    return request


def _build_spot_options() -> "InstanceMarketOptionsRequestTypeDef":
    """Return the options of a launch on spot.

    Only an instance of a persistent request with the interruption behavior `stop` can be stopped and started. A maximum
    price is not sent, because it leads to more interruptions:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SpotMarketOptions.html
    """
    return {
        "MarketType": "spot",
        "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
    }


def _build_root_disk(attempt: LaunchAttempt) -> "BlockDeviceMappingTypeDef":
    return {
        "DeviceName": attempt.root_device,
        "Ebs": {"VolumeSize": attempt.disk_gib, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
    }


def _build_network_interface(attempt: LaunchAttempt) -> "InstanceNetworkInterfaceSpecificationTypeDef":
    return {
        "DeviceIndex": 0,
        "SubnetId": attempt.subnet_id,
        "Groups": [attempt.security_group_id],
        "AssociatePublicIpAddress": attempt.public_address,
        "DeleteOnTermination": True,
    }


def _build_tag_specifications(attempt: LaunchAttempt) -> "list[TagSpecificationTypeDef]":
    tags = [{"Key": key, "Value": value} for key, value in sorted(attempt.tags.items())]
    kinds = (*TAGGED_RESOURCES, SPOT_REQUEST_RESOURCE) if attempt.market is Market.SPOT else TAGGED_RESOURCES
    return [{"ResourceType": kind, "Tags": tags} for kind in kinds]  # type: ignore[typeddict-item]
