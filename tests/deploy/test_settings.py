from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.setting_checks import InvalidDeploymentSetting
from deploy.settings import EXAMPLE_EMAIL, RegionSettings
from deploy.stage_file import STAGES_DIR, parse_deployment_settings, read_deployment_settings

KEY = "arn:aws:kms:us-west-2:123456789012:key/0f"


def build_raw() -> dict[str, Any]:
    return {"home_region": "us-east-1", "alarm_email": "ops@example.com", "regions": {"us-east-1": {}}}


@pytest.mark.parametrize("path", sorted(STAGES_DIR.glob("*.toml")), ids=lambda path: path.stem)
def test_committed_stages_are_valid(path: Path) -> None:
    assert read_deployment_settings(path.stem).stage == path.stem


def test_settings_of_a_region_are_read() -> None:
    raw = build_raw()
    raw["regions"]["us-west-2"] = {"vpc": "vpc-0a1b2c3d", "subnets": ["subnet-0a1b2c3d"], "kms_key": KEY}
    settings = parse_deployment_settings("prod", raw)
    assert settings.regions == ("us-east-1", "us-west-2")
    assert settings.region_settings["us-west-2"] == RegionSettings(
        vpc="vpc-0a1b2c3d", subnets=("subnet-0a1b2c3d",), kms_key=KEY
    )


def test_stage_dev_has_the_example_of_an_address() -> None:
    assert read_deployment_settings("dev").alarm_email == EXAMPLE_EMAIL


@pytest.mark.parametrize(("stage", "keeps"), [("dev", False), ("prod", True)])
def test_only_the_data_of_dev_end_with_the_stack(stage: str, keeps: bool) -> None:
    assert parse_deployment_settings(stage, build_raw()).keeps_data is keeps


@pytest.mark.parametrize("stage", ["", "Dev", "my-stage", "dev_1", "1dev", "dev/../x", "dev\n", "ä", "abcdefghijklm"])
def test_stage_with_odd_characters_is_refused(stage: str) -> None:
    with pytest.raises(InvalidDeploymentSetting, match="stage must begin with a lower-case letter"):
        read_deployment_settings(stage)


def test_stage_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDeploymentSetting, match=r"Stage prod has no settings.*Copy deploy/stages/dev.toml"):
        read_deployment_settings("prod", tmp_path)


def test_folder_with_the_name_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prod.toml").mkdir()
    with pytest.raises(InvalidDeploymentSetting, match=r"prod\.toml cannot be read"):
        read_deployment_settings("prod", tmp_path)


def test_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prod.toml").write_text("stage: prod")
    with pytest.raises(InvalidDeploymentSetting, match="is not valid TOML"):
        read_deployment_settings("prod", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.pop("home_region"), "home_region is missing"),
        (lambda raw: raw.update(home_region="us-east-9"), "home_region: AWS has no region 'us-east-9'"),
        (
            lambda raw: raw.update(home_region="us-isob-west-1"),
            "home_region: region us-isob-west-1 is in the partition aws-iso-b",
        ),
        (lambda raw: raw.update(alarm_email="ops"), "alarm_email must be an e-mail address, not 'ops'"),
        (lambda raw: raw.update(alarm_email="a${Foo}@b.de"), "alarm_email must be an e-mail address"),
        (lambda raw: raw.update(alarm_email="a,b@c.de"), "alarm_email must be an e-mail address"),
        (lambda raw: raw.update(alarm_email=EXAMPLE_EMAIL), "alarm_email is still the example"),
        (lambda raw: raw.update(alarm_email="a@b..com"), "alarm_email must be an e-mail address"),
        (lambda raw: raw.update(colour="red"), "the settings: colour is unknown"),
        (lambda raw: raw.update(log_retention_days=31), "log_retention_days must be one of 1, 3, 5"),
        (lambda raw: raw.update(log_retention_days=True), "log_retention_days must be one of 1, 3, 5"),
        (lambda raw: raw.update(buckets="data"), "buckets must be a list of names of S3 buckets, not 'data'"),
        (lambda raw: raw.update(buckets=["data*"]), r"buckets must be a list of names of S3 buckets, not 'data\*'"),
        (lambda raw: raw.update(secret_prefixes=["*"]), "secret_prefixes must be a list"),
        (lambda raw: raw.update(outbound_ports="3128"), "outbound_ports must be a list of ports, not '3128'"),
        (lambda raw: raw.update(outbound_ports=[70_000]), "outbound_ports must be a list of ports from 1 to 65535"),
        (lambda raw: raw.update(outbound_ports=[True]), "outbound_ports must be a list of ports from 1 to 65535"),
        (lambda raw: raw.update(outbound_ports=[443]), "outbound_ports: port 443 is open without a setting"),
        (
            lambda raw: raw.update(data_keys=["arn:aws:kms:us-east-9:123456789012:key/0f"]),
            "data_keys: AWS has no region 'us-east-9'",
        ),
        (
            lambda raw: raw["regions"].update(
                {"us-east-1": {"vpc": "vpc-0a1b2c3d"}, "us-east-2": {"vpc": "vpc-0a1b2c3d"}}
            ),
            "vpc is that of us-east-1, too. A VPC is in one region",
        ),
        (lambda raw: raw.update(buckets=["data..raw"]), "buckets must be a list of names of S3 buckets"),
        (lambda raw: raw.update(buckets=["10.0.0.1"]), "buckets must be a list of names of S3 buckets"),
        (lambda raw: raw.update(buckets=["data-s3alias"]), "buckets must be a list of names of S3 buckets"),
        (lambda raw: raw.update(instance_policies=["AdministratorAccess"]), "instance_policies must be a list of ARNs"),
        (
            lambda raw: raw.update(instance_policies=["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]),
            "AmazonSSMManagedInstanceCore allows every program on an instance to read every parameter",
        ),
        (
            lambda raw: raw.update(instance_policies=["arn:aws:iam::aws:policy/AdministratorAccess"]),
            "AdministratorAccess allows every program on an instance to do everything in the account",
        ),
        (lambda raw: raw.update(permissions_boundary="boundary"), "permissions_boundary must be an ARN"),
        (lambda raw: raw.update(regions={}), "regions: at least one table"),
        (lambda raw: raw.update(regions=["us-east-1"]), "regions: at least one table"),
        (lambda raw: raw["regions"].update({"mars-1": {}}), "regions.mars-1: AWS has no region"),
        (lambda raw: raw["regions"].update({"cn-north-1": {}}), "regions.cn-north-1: .* partition aws-cn"),
        (lambda raw: raw.update(permissions_boundary="arn:aws-cn:iam::123456789012:policy/a"), "permissions_boundary"),
        (
            lambda raw: raw["regions"].update({"us-east-1": {"vpc": "x"}}),
            "regions.us-east-1.vpc must be the id of a VPC",
        ),
        (lambda raw: raw["regions"].update({"us-east-1": {"subnet": []}}), "regions.us-east-1: subnet is unknown"),
        (lambda raw: raw["regions"].update({"us-east-1": {"kms_key": KEY}}), "kms_key must be a key of us-east-1"),
        (
            lambda raw: raw["regions"].update({"us-east-1": {"subnets": ["subnet-0a1b2c3d"]}}),
            "regions.us-east-1.vpc is missing",
        ),
    ],
)
def test_bad_setting_is_refused_by_name(change: Callable[[dict[str, Any]], Any], message: str) -> None:
    raw = build_raw()
    change(raw)
    with pytest.raises(InvalidDeploymentSetting, match=message):
        parse_deployment_settings("prod", raw)
