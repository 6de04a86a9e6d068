"""Settings from environment variables."""

import os
import subprocess
import sys

import pytest

import app
from chalicelib import bootstrap
from chalicelib.region_networks import RegionNetwork
from chalicelib.settings import REQUIRED_VARIABLES, InvalidSetting, Settings, read_settings
from local.settings import VARIABLES

PRIVATE_WEBHOOKS = "GPUDESK_ALLOW_PRIVATE_WEBHOOKS"


def read(**changes: str) -> Settings:
    """Return the settings of an environment that differs from that of the local cloud."""
    return read_settings({**VARIABLES, **changes})


@pytest.mark.parametrize("name", REQUIRED_VARIABLES)
def test_missing_or_empty_variable_is_named(name: str) -> None:
    without = {other: value for other, value in VARIABLES.items() if other != name}
    for environment in (without, {**without, name: ""}):
        with pytest.raises(InvalidSetting, match=f"^{name} is not set. The deployment sets"):
            read_settings(environment)


def test_all_missing_variables_are_named() -> None:
    with pytest.raises(InvalidSetting) as missing:
        read_settings({})
    assert all(name in str(missing.value) for name in REQUIRED_VARIABLES)


@pytest.mark.parametrize("role_id", ["gpudesk-instance", "arn:aws:iam::123456789012:role/x", "AIDA0000000000000000"])
def test_other_text_in_place_of_role_id_is_refused(role_id: str) -> None:
    with pytest.raises(InvalidSetting, match="GPUDESK_INSTANCE_ROLE_ID must be the unique id of a role"):
        read(GPUDESK_INSTANCE_ROLE_ID=role_id)


@pytest.mark.parametrize("arn", ["gpudesk-dev-session", "AROA0000000000000000", "arn:aws:iam::1:role/x"])
def test_other_text_in_place_of_session_role_is_refused(arn: str) -> None:
    with pytest.raises(InvalidSetting, match="GPUDESK_SESSION_ROLE_ARN must be the ARN of a role"):
        read(GPUDESK_SESSION_ROLE_ARN=arn)


def test_application_without_settings_is_not_built_at_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    bootstrap.set_application(None)
    with pytest.raises(InvalidSetting, match="GPUDESK_INSTANCE_ROLE_ID"):
        bootstrap.get_application()


@pytest.mark.parametrize("value", ["1", "true", "True"])
def test_private_webhooks_are_allowed_when_on(value: str) -> None:
    assert read(**{PRIVATE_WEBHOOKS: value}).allow_private_webhooks


@pytest.mark.parametrize("environment", [{}, *({PRIVATE_WEBHOOKS: value} for value in ("", "0", "false", "FALSE"))])
def test_private_webhooks_are_refused_when_off(environment: dict[str, str]) -> None:
    assert not read(**environment).allow_private_webhooks


@pytest.mark.parametrize("value", ["yes", "on", "2", " "])
def test_other_value_is_an_error_that_names_the_variable(value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{PRIVATE_WEBHOOKS} must be 1, true, 0, false or empty, not '{value}'"):
        read(**{PRIVATE_WEBHOOKS: value})


@pytest.mark.parametrize(
    ("value", "regions"),
    [
        ("", ("us-east-2",)),
        ("eu-west-1", ("eu-west-1",)),
        (" us-east-1,eu-west-1  us-east-1", ("us-east-1", "eu-west-1")),
    ],
)
def test_deployed_regions_are_those_of_the_variable_or_else_the_home_region(
    value: str, regions: tuple[str, ...]
) -> None:
    assert read(GPUDESK_REGIONS=value, AWS_REGION="us-east-2").deployed_regions == regions


@pytest.mark.parametrize("value", ["europe", "us-east-1;eu-west-1", "us-east-1a", "US-EAST-1"])
def test_value_that_is_no_list_of_regions_is_an_error(value: str) -> None:
    with pytest.raises(InvalidSetting, match="GPUDESK_REGIONS must be empty or a list of regions"):
        read(GPUDESK_REGIONS=value)


def test_networks_are_those_of_the_variable() -> None:
    value = "us-west-2=vpc-0a1b2c3d:subnet-0a1b2c3d:subnet-0a1b2c3e,eu-west-1=vpc-0a1b2c3f"
    assert read(GPUDESK_NETWORKS=value).networks == {
        "us-west-2": RegionNetwork("vpc-0a1b2c3d", ("subnet-0a1b2c3d", "subnet-0a1b2c3e")),
        "eu-west-1": RegionNetwork("vpc-0a1b2c3f"),
    }
    assert read().networks == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPUDESK_NETWORKS", "us-west-2=10.0.0.0/24"),
        ("GPUDESK_STAGE", "Prod 1"),
        ("AWS_REGION", "somewhere"),
        ("GPUDESK_EMAIL_TOPIC_ARN", "topic"),
    ],
)
def test_impossible_value_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"{name} must be .*{value}"):
        read(**{name: value})


def test_email_topic_is_read_from_its_variable() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:gpudesk-dev-notifications"
    assert read(GPUDESK_EMAIL_TOPIC_ARN=arn).email_topic_arn == arn


def test_function_reads_its_settings_at_its_start_and_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.set_application(None)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    app.prepare("app.sweep")
    for name in VARIABLES:
        monkeypatch.delenv(name)
    assert app.get_application().settings == read_settings(VARIABLES)
    bootstrap.set_application(None)


def test_function_without_settings_ends_at_its_start_and_says_which() -> None:
    variables = {"PATH": os.environ["PATH"], "_HANDLER": "app.sweep", "GPUDESK_STAGE": "dev"}
    ended = subprocess.run(
        [sys.executable, "-c", "import app"], env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().startswith("GPUDESK_TABLE_PREFIX, GPUDESK_INSTANCE_PROFILE")
    assert ended.stderr.strip().endswith("The deployment sets the environment of gpudesk.")
