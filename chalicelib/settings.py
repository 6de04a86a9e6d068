"""Settings of the deployed functions, from environment variables. Those of a deployment are in `deploy/settings.py`."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.common.regions import REGION_PATTERN
from chalicelib.domain.common.text import join_and
from chalicelib.domain.sessions.role import InvalidRoleArn, RoleArn
from chalicelib.region_networks import NETWORK_PATTERN, RegionNetwork, parse_networks

REQUIRED_VARIABLES = (
    "GPUDESK_STAGE",
    "GPUDESK_TABLE_PREFIX",
    "GPUDESK_INSTANCE_PROFILE",
    "GPUDESK_INSTANCE_ROLE_ID",
    "GPUDESK_SESSION_ROLE_ARN",
    "GPUDESK_SECURITY_GROUP",
    "GPUDESK_WEBHOOK_KEY",
    "AWS_REGION",
)
"""The variables that have no default, because only the deployment knows them. Lambda sets AWS_REGION."""

STAGE_PATTERN = r"[a-z][a-z0-9]{0,11}"
"""The stage is part of the names of roles (at most 64 characters), tables, topics, parameters and documents."""

TOPIC_PATTERN = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}"

ROLE_ID_PATTERN = r"AROA[A-Z0-9]{8,124}"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""


class InvalidSetting(ValueError):
    """Environment variables are missing, or one has a value that cannot be read; the message says what is accepted."""


def build_instance_log_group(stage: str) -> str:
    """Return the log group that the deployment creates in each region, and lets instances write to."""
    return f"/gpudesk/{stage}/instances"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a deployed function.

    :param stage: gpudesk acts on EC2 instances with this `gpudesk:stage` tag only
    :param table_prefix: the names of all tables begin with it
    :param instance_profile: the IAM instance profile of the instances that gpudesk launches
    :param instance_role_id: the unique id of that profile's role (AROA...)
    :param session_role: the IAM role that gpudesk assumes to open sessions
    :param security_group: the name of the security group; each VPC in use has one with this name, without ingress rules
    :param home_region: the region of gpudesk itself and its tables
    :param email_topic_arn: the SNS topic for e-mail; empty: gpudesk sends no e-mail
    :param allow_private_webhooks: allow plain http and private addresses as webhooks, for the local cloud; never on AWS
    :param regions: the regions in which the deployment has set up security group and documents; empty: the home region
    :param networks: VPC and subnets of instances by region; a region without an entry uses its default VPC
    :param webhook_key: the SSM parameter (a SecureString) with the key that webhook secrets are derived from
    """

    stage: str
    table_prefix: str
    instance_profile: str
    instance_role_id: str
    security_group: str
    home_region: str
    webhook_key: str
    session_role: RoleArn
    email_topic_arn: str = ""
    allow_private_webhooks: bool = False
    regions: tuple[str, ...] = ()
    networks: Mapping[str, RegionNetwork] = field(default_factory=dict)

    @property
    def instance_log_group(self) -> str:
        """The log group of each region that instances may write to, with the output of documents."""
        return build_instance_log_group(self.stage)

    @property
    def deployed_regions(self) -> tuple[str, ...]:
        """The regions in which instances can be launched and orphans are looked for."""
        return self.regions or (self.home_region,)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Only `bootstrap.get_application` does so, so that packaging can import the app without them.

    :raises InvalidSetting: variables are missing or empty, or one has a value that cannot be read
    """
    require_variables(environment, REQUIRED_VARIABLES)
    return Settings(
        stage=_read_text(environment, "GPUDESK_STAGE", STAGE_PATTERN, "lower-case letters and digits, at most 12"),
        table_prefix=environment["GPUDESK_TABLE_PREFIX"],
        instance_profile=environment["GPUDESK_INSTANCE_PROFILE"],
        instance_role_id=_read_text(
            environment, "GPUDESK_INSTANCE_ROLE_ID", ROLE_ID_PATTERN, "the unique id of a role (AROA...)"
        ),
        session_role=_read_role(environment, "GPUDESK_SESSION_ROLE_ARN"),
        home_region=_check_text("AWS_REGION", read_home_region(environment), REGION_PATTERN, "a region"),
        security_group=environment["GPUDESK_SECURITY_GROUP"],
        allow_private_webhooks=_read_flag(environment, "GPUDESK_ALLOW_PRIVATE_WEBHOOKS"),
        email_topic_arn=_read_text(
            environment, "GPUDESK_EMAIL_TOPIC_ARN", rf"(|{TOPIC_PATTERN})", "the ARN of an SNS topic or empty"
        ),
        regions=_read_list(environment, "GPUDESK_REGIONS", REGION_PATTERN, "regions such as us-east-1,eu-west-1"),
        networks=_read_networks(environment, "GPUDESK_NETWORKS"),
        webhook_key=environment["GPUDESK_WEBHOOK_KEY"],
    )


def _read_role(environment: Mapping[str, str], name: str) -> RoleArn:
    """Return the role that a variable names.

    :raises InvalidSetting: the value is not the ARN of a role
    """
    try:
        return RoleArn.parse(environment[name])
    except InvalidRoleArn as error:
        raise InvalidSetting(
            f"{name} must be the ARN of a role (arn:aws:iam::...), not {environment[name]!r}."
        ) from error


def _read_text(environment: Mapping[str, str], name: str, pattern: str, accepted: str) -> str:
    return _check_text(name, environment.get(name, ""), pattern, accepted)


def _check_text(name: str, value: str, pattern: str, accepted: str) -> str:
    """Return the value of a variable.

    :param accepted: what the value must be, for the message
    :raises InvalidSetting: the value does not match
    """
    if not re.fullmatch(pattern, value):
        raise InvalidSetting(f"{name} must be {accepted}, not {value!r}.")
    return value


def _read_list(environment: Mapping[str, str], name: str, pattern: str, accepted: str) -> tuple[str, ...]:
    """Return the entries of a variable, separated by commas or spaces, each once.

    :param pattern: regular expression of an entry
    :param accepted: what the entries are, for the message
    :raises InvalidSetting: an entry does not match
    """
    entries = tuple(dict.fromkeys(environment.get(name, "").replace(",", " ").split()))
    for entry in entries:
        if not re.fullmatch(pattern, entry):
            raise InvalidSetting(f"{name} must be empty or a list of {accepted}; {entry!r} is none.")
    return entries


def _read_networks(environment: Mapping[str, str], name: str) -> Mapping[str, RegionNetwork]:
    """Return the networks that a variable lists, each as `REGION=VPC:SUBNET:SUBNET`; the subnets may be missing.

    :raises InvalidSetting: an entry has another form
    """
    entries = _read_list(environment, name, NETWORK_PATTERN, "networks such as us-west-2=vpc-0a1b2c3d:subnet-0a1b2c3d")
    return parse_networks(entries)


def require_variables(environment: Mapping[str, str], names: Sequence[str]) -> None:
    """Check that variables are set. `AWS_DEFAULT_REGION` stands in for a missing `AWS_REGION`, as in the SDK.

    :raises InvalidSetting: some are missing or empty; the message names all of them
    """
    present = {**environment, "AWS_REGION": read_home_region(environment)}
    missing = [name for name in names if not present.get(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise InvalidSetting(f"{join_and(missing)} {verb} not set. The deployment sets the environment of gpudesk.")


def read_home_region(environment: Mapping[str, str]) -> str:
    """Return the home region; empty if none is set."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""


def _read_flag(environment: Mapping[str, str], name: str) -> bool:
    """Return whether a variable is set to 1 or true.

    :raises InvalidSetting: the value is none of 1, true, 0, false and empty
    """
    value = environment.get(name, "")
    match value.lower():
        case "" | "0" | "false":
            return False
        case "1" | "true":
            return True
    raise InvalidSetting(f"{name} must be 1, true, 0, false or empty, not {value!r}.")
