"""Settings of a deployment: what the person who deploys decides. `deploy/stage_file.py` reads them.

The settings that the deployed functions read are in `chalicelib/settings.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DEVELOPMENT_STAGE = "dev"
"""The only stage whose tables are deleted with their stack."""

EXAMPLE_EMAIL = "gpudesk-alarms@example.com"
"""The address in dev.toml. Other stages must have another one, because it receives no mail."""


@dataclass(frozen=True, kw_only=True)
class RegionSettings:
    """A region in which instances can be launched.

    :param vpc: the VPC that instances are launched in; empty: the default VPC of the region
    :param subnets: the subnets of this VPC that instances may use; empty: those with the stage's tag, or else the
        default subnets of the zones, or else all
    :param kms_key: ARN of the key that encrypts the log group and the disks; empty: keys of AWS
    """

    vpc: str = ""
    subnets: tuple[str, ...] = ()
    kms_key: str = ""


@dataclass(frozen=True, kw_only=True)
class DeploymentSettings:
    """The settings of one stage.

    :param stage: part of every name
    :param home_region: the region of gpudesk's functions and tables
    :param region_settings: the regions with instances, by name
    :param alarm_email: the address that CloudWatch's alarms are sent to
    :param log_retention_days: how long CloudWatch keeps the logs of the functions
    :param outbound_ports: further TCP ports to which instances may connect
    :param buckets: names of S3 buckets that instances may read and write
    :param secret_prefixes: prefixes of the names of secrets that instances may read
    :param data_keys: ARNs of the KMS keys of these buckets and secrets; keys of AWS need no permission
    :param instance_policies: ARNs of further managed policies of the instance role
    :param permissions_boundary: ARN of the boundary of all roles; empty: none
    """

    stage: str
    home_region: str
    region_settings: Mapping[str, RegionSettings]
    alarm_email: str
    log_retention_days: int = 30
    outbound_ports: tuple[int, ...] = ()
    buckets: tuple[str, ...] = ()
    secret_prefixes: tuple[str, ...] = ()
    data_keys: tuple[str, ...] = ()
    instance_policies: tuple[str, ...] = ()
    permissions_boundary: str = ""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions with instances, the home region first if it is one of them."""
        return tuple(sorted(self.region_settings, key=lambda region: (region != self.home_region, region)))

    @property
    def keeps_data(self) -> bool:
        """Return whether tables and the role of the instances outlive their stack."""
        return self.stage != DEVELOPMENT_STAGE
