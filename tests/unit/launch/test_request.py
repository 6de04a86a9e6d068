"""Unit tests of the conversion of the launch body to a launch request."""

from dataclasses import fields

from chalicelib.api.instances.bodies import LaunchBody
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.launch.request import LaunchRequest


def test_body_and_request_have_the_same_fields() -> None:
    of_body = set(LaunchBody.model_fields) - {"owner", "idle_policy", "max_hours", "before_stop_hook"}
    assert of_body == {field.name for field in fields(LaunchRequest)} - {"policy"}


def test_request_has_the_values_of_the_body() -> None:
    body = LaunchBody.model_validate(
        {
            "gpu": "T4",
            "owner": "ada",
            "name": None,
            "parameters": {"workers": 2, "notebooks": False},
            "tags": {"team": "red"},
            "idle_policy": {"idle_minutes": 20, "thresholds": {"gpu_percent": 7}},
            "max_hours": 9,
        }
    )
    assert body.to_request() == LaunchRequest(
        gpu="T4",
        parameters={"workers": 2, "notebooks": False},
        tags={"team": "red"},
        policy=PolicyOverride(idle_minutes=20, thresholds={"gpu_percent": 7}, max_hours=9),
    )


def test_empty_body_leaves_everything_to_the_defaults() -> None:
    assert LaunchBody().to_request() == LaunchRequest()
