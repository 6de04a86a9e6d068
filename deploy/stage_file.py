"""Reading of the file of a stage, `deploy/stages/STAGE.toml`. All settings are checked before anything is written."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.region_networks import SUBNET_PATTERN, VPC_PATTERN
from deploy.broad_policies import find_broad_permission
from deploy.networks import OUTBOUND_PORTS
from deploy.regions import HOME_SERVICES, INSTANCE_SERVICES
from deploy.setting_checks import (
    InvalidDeploymentSetting,
    check_choice,
    check_known_keys,
    check_ports,
    check_region,
    check_stage,
    check_texts,
    require_text,
)
from deploy.settings import DEVELOPMENT_STAGE, EXAMPLE_EMAIL, DeploymentSettings, RegionSettings

STAGES_DIR = Path(__file__).parent / "stages"

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180),
    *(365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

_KMS_KEY = r"arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
_BUCKET = (
    r"(?!xn--|sthree-|amzn-s3-demo-|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)"
    r"(?!.*(\.\.|-s3alias$|--ol-s3$|\.mrap$|--x-s3$|--table-s3$))"
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

_SECRET_PREFIX = r"[A-Za-z0-9/_+=.@-]{3,200}"  # noqa: S105 - a pattern of names
"""https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html"""

_POLICY_ARN = r"arn:aws:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]{1,512}"
_EMAIL = r"[A-Za-z0-9._+-]{1,64}@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}"


def read_deployment_settings(stage: str, folder: Path = STAGES_DIR) -> DeploymentSettings:
    """Read the settings of a stage.

    :raises InvalidDeploymentSetting: the name of the stage, its file or one of its settings is wrong
    """
    check_stage(stage)
    path = folder / f"{stage}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"Stage {stage} has no settings: {path} does not exist. Copy deploy/stages/dev.toml and change it."
        raise InvalidDeploymentSetting(message) from error
    except OSError as error:
        raise InvalidDeploymentSetting(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidDeploymentSetting(f"{path} is not valid TOML: {error}") from error
    return parse_deployment_settings(stage, raw)


def parse_deployment_settings(stage: str, raw: Mapping[str, Any]) -> DeploymentSettings:
    """Return the settings of a stage from the content of its file.

    :raises InvalidDeploymentSetting: a setting is unknown, missing or wrong; the message names it
    """
    check_stage(stage)
    known = set(DeploymentSettings.__dataclass_fields__) - {"stage", "region_settings"} | {"regions"}
    check_known_keys("the settings", raw, known)
    home_region = require_text("home_region", raw.get("home_region"), r"[a-z0-9-]+", "a region such as us-east-1")
    check_region("home_region", home_region, HOME_SERVICES)
    regions = _parse_regions(raw.get("regions"))
    retention = raw.get("log_retention_days", DeploymentSettings.log_retention_days)
    alarm_email = require_text("alarm_email", raw.get("alarm_email"), _EMAIL, "an e-mail address")
    if stage != DEVELOPMENT_STAGE and alarm_email == EXAMPLE_EMAIL:
        raise InvalidDeploymentSetting(f"alarm_email is still the example {EXAMPLE_EMAIL}. Name your own address.")
    return DeploymentSettings(
        stage=stage,
        home_region=home_region,
        region_settings=regions,
        alarm_email=alarm_email,
        log_retention_days=check_choice("log_retention_days", retention, RETENTION_DAYS),
        outbound_ports=check_ports(
            "outbound_ports", raw.get("outbound_ports", []), {port for port, _, _ in OUTBOUND_PORTS}
        ),
        buckets=check_texts("buckets", raw.get("buckets", []), _BUCKET, "names of S3 buckets"),
        secret_prefixes=check_texts(
            "secret_prefixes",
            raw.get("secret_prefixes", []),
            _SECRET_PREFIX,
            "prefixes of secrets, 3 to 200 characters",
        ),
        data_keys=_parse_data_keys(raw.get("data_keys", [])),
        instance_policies=_parse_instance_policies(raw.get("instance_policies", [])),
        permissions_boundary=require_text(
            "permissions_boundary",
            raw.get("permissions_boundary", ""),
            rf"(|{_POLICY_ARN})",
            "an ARN of a managed policy",
        ),
    )


def _parse_instance_policies(raw: Any) -> tuple[str, ...]:
    policies = check_texts("instance_policies", raw, _POLICY_ARN, "ARNs of managed policies")
    for policy in policies:
        permission = find_broad_permission(policy)
        if permission:
            raise InvalidDeploymentSetting(
                f"instance_policies: {policy} allows every program on an instance {permission}. Name a policy with "
                "only what instances need."
            )
    return policies


def _parse_data_keys(raw: Any) -> tuple[str, ...]:
    keys = check_texts("data_keys", raw, _KMS_KEY, "ARNs of KMS keys")
    for key in keys:
        check_region("data_keys", key.split(":")[3], ("kms",))
    return keys


def _parse_regions(raw: Any) -> dict[str, RegionSettings]:
    if not isinstance(raw, Mapping) or not raw:
        raise InvalidDeploymentSetting("regions: at least one table such as [regions.us-east-1] is needed.")
    regions = {str(region): _parse_region(str(region), entry) for region, entry in raw.items()}
    by_vpc: dict[str, str] = {}
    for region, parsed in regions.items():
        other = by_vpc.setdefault(parsed.vpc or region, region)
        if other != region:
            raise InvalidDeploymentSetting(f"regions.{region}.vpc is that of {other}, too. A VPC is in one region.")
    return regions


def _parse_region(region: str, entry: Any) -> RegionSettings:
    setting = f"regions.{region}"
    check_region(setting, region, INSTANCE_SERVICES)
    if not isinstance(entry, Mapping):
        raise InvalidDeploymentSetting(f"{setting} must be a table, [{setting}], not {entry!r}.")
    check_known_keys(setting, entry, set(RegionSettings.__dataclass_fields__))
    parsed = RegionSettings(
        vpc=require_text(
            f"{setting}.vpc", entry.get("vpc", ""), rf"(|{VPC_PATTERN})", "the id of a VPC (vpc-...) or empty"
        ),
        subnets=check_texts(
            f"{setting}.subnets", entry.get("subnets", []), SUBNET_PATTERN, "ids of subnets (subnet-...)"
        ),
        kms_key=require_text(f"{setting}.kms_key", entry.get("kms_key", ""), rf"(|{_KMS_KEY})", "the ARN of a KMS key"),
    )
    if parsed.kms_key and parsed.kms_key.split(":")[3] != region:
        raise InvalidDeploymentSetting(f"{setting}.kms_key must be a key of {region}, not {parsed.kms_key}.")
    if parsed.subnets and not parsed.vpc:
        raise InvalidDeploymentSetting(f"{setting}.vpc is missing: name the VPC of the subnets.")
    return parsed
