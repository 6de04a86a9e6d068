"""Settings of the deployment on the local cloud, and of the functions in it."""

from collections.abc import Mapping

from chalicelib.settings import Settings, read_settings
from deploy.functions import build_environment
from deploy.names import ResourceNames
from deploy.settings import EXAMPLE_EMAIL, DeploymentSettings, RegionSettings

STAGE = "dev"

HOME_REGION = "us-east-1"
"""The home region of tests and tools. `make run` chooses its own."""

ACCOUNT = "123456789012"
"""The account of the local cloud."""


def build_local_names(regions: tuple[str, ...] = (HOME_REGION,)) -> ResourceNames:
    """Return the names of all resources of the local cloud, which are those of the templates.

    :param regions: the regions in which gpudesk is set up, the home region first
    """
    settings = DeploymentSettings(
        stage=STAGE,
        home_region=regions[0],
        region_settings={region: RegionSettings() for region in regions},
        alarm_email=EXAMPLE_EMAIL,
    )
    return ResourceNames(settings, partition="aws", account=ACCOUNT)


def build_variables(names: ResourceNames) -> dict[str, str]:
    """Return the environment of the functions. The id of the role is a placeholder, because only IAM knows it."""
    known = {
        "GPUDESK_INSTANCE_PROFILE": names.role("instance"),
        "GPUDESK_INSTANCE_ROLE_ID": "AROA0000000000000000",
        "GPUDESK_SESSION_ROLE_ARN": names.role_arn("session"),
        "GPUDESK_EMAIL_TOPIC_ARN": names.topic_arn("notifications"),
    }
    environment = {name: known.get(name, value) for name, value in build_environment(names).items()}
    return {**environment, "AWS_REGION": names.settings.home_region}


VARIABLES: Mapping[str, str] = build_variables(build_local_names())


def read_local_settings() -> Settings:
    """Return the settings of the functions on the local cloud, with the placeholder of `build_variables`."""
    return read_settings(VARIABLES)
