"""Settings from environment variables."""

import pytest

from chalicelib.settings import InvalidSetting, read_settings

PRIVATE_WEBHOOKS = "GPUDESK_ALLOW_PRIVATE_WEBHOOKS"


@pytest.mark.parametrize("value", ["1", "true", "True"])
def test_private_webhooks_are_allowed_when_on(value: str) -> None:
    assert read_settings({PRIVATE_WEBHOOKS: value}).allow_private_webhooks


@pytest.mark.parametrize("environment", [{}, *({PRIVATE_WEBHOOKS: value} for value in ("", "0", "false", "FALSE"))])
def test_private_webhooks_are_refused_when_off(environment: dict[str, str]) -> None:
    assert not read_settings(environment).allow_private_webhooks


@pytest.mark.parametrize("value", ["yes", "on", "2", " "])
def test_other_value_is_an_error_that_names_the_variable(value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{PRIVATE_WEBHOOKS} must be 1, true, 0, false or empty, not '{value}'"):
        read_settings({PRIVATE_WEBHOOKS: value})


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
    assert read_settings({"GPUDESK_REGIONS": value, "AWS_REGION": "us-east-2"}).deployed_regions == regions


@pytest.mark.parametrize("value", ["europe", "us-east-1;eu-west-1", "us-east-1a", "US-EAST-1"])
def test_value_that_is_no_list_of_regions_is_an_error(value: str) -> None:
    with pytest.raises(InvalidSetting, match="GPUDESK_REGIONS must be empty or a list of regions"):
        read_settings({"GPUDESK_REGIONS": value})


def test_email_topic_is_read_from_its_variable() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:gpudesk-dev-notifications"
    assert read_settings({"GPUDESK_EMAIL_TOPIC_ARN": arn}).email_topic_arn == arn
