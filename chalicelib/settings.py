"""The environment, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment decides; `.chalice/config.json` sets it.

    :param stage: the desk acts on EC2 instances with this `gpudesk:stage` tag only
    :param instance_profile: of the instances that it launches
    :param instance_role_id: the unique id of that profile's role (AROA...)
    :param security_group: the name of the group without ingress, in every region and VPC that is used
    :param home_region: where the desk itself and its tables are
    """

    stage: str
    table_prefix: str
    instance_profile: str
    instance_role_id: str
    security_group: str
    home_region: str


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Every variable has a default that suits a desk called gpudesk."""
    return Settings(
        stage=environment.get("GPUDESK_STAGE", "dev"),
        table_prefix=environment.get("GPUDESK_TABLE_PREFIX", "gpudesk"),
        instance_profile=environment.get("GPUDESK_INSTANCE_PROFILE", "gpudesk-instance"),
        instance_role_id=environment.get("GPUDESK_INSTANCE_ROLE_ID", "AROAGPUDESKINSTANCE00"),
        home_region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
        security_group=environment.get("GPUDESK_SECURITY_GROUP", "gpudesk"),
    )
