"""Scenario tests of recipes at launch: unsupported hardware is refused, parameters arrive, the image is launched."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.request import LaunchRequest
from tests.support.recipes import UBUNTU_18, build_recipes
from tests.support.world import ADA, ADMIN, World, get_ec2_id, open_world


@pytest.fixture(scope="module")
def desk() -> Iterator[World]:
    with open_world(recipes=build_recipes()) as made:
        yield made


def list_attempt_ids(instance: Instance) -> list[str]:
    """Return the attempt ids of all commands that SSM sent to the instance."""
    commands = boto3.client("ssm", "us-east-1").list_commands(InstanceId=get_ec2_id(instance))["Commands"]
    return [command["Parameters"]["attemptId"][0] for command in commands]


def refusal(desk: World, **request: Any) -> tuple[FieldError, ...]:
    before = desk.cloud.calls.copy()
    with pytest.raises(ValidationFailed) as refused:
        desk.launch(**request)
    assert not [name for name in desk.cloud.count_calls_since(before) if name.startswith(("ec2:", "ssm:"))]
    return refused.value.errors


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        (
            {"gpu": "A10G", "recipe": "old"},
            "recipe",
            "A10G has compute capability 8.6, and the recipe requires 3.0 to 7.5",
        ),
        ({"instance_type": "g4ad.xlarge", "recipe": "old"}, "recipe", "Radeon Pro V520 does not support CUDA"),
        ({"gpu": "T4g", "recipe": "old"}, "recipe", "is arm64, and the recipe supports x86_64"),
        ({"instance_type": "t3.large", "recipe": "old"}, "recipe", "t3.large has no GPU, and the recipe requires one"),
    ],
)
def test_recipe_that_does_not_support_the_hardware_is_refused_with_compatible_types(
    desk: World, body: dict[str, Any], field: str, why: str
) -> None:
    (error,) = refusal(desk, **body)
    assert error.field == field
    assert error.message.startswith("recipe old does not support ")
    assert why in error.message
    assert error.message.endswith(". Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour).")


def test_invalid_parameters_are_refused_and_an_unsupported_default_recipe_is_an_error_of_the_gpu(desk: World) -> None:
    errors = refusal(desk, gpu="T4", recipe="old", parameters={"release": "$(id)", "workers": "4", "colour": "red"})
    assert {error.field: error.message for error in errors} == {
        "parameters.colour": "unknown parameter. This recipe has release, notebooks and workers.",
        "parameters.release": 'must be a release: 1 to 8 lower-case letters, not the text "$(id)"',
        "parameters.workers": 'must be a whole number from 0 to 999999999, not the text "4"',
    }
    administration = desk.application.desk
    administration.update(ADMIN, defaults={"recipe": "old"})
    assert [error.field for error in refusal(desk, gpu="A10G")] == ["gpu"]
    administration.update(ADMIN, defaults={"recipe": "jupyter"})


def test_parameters_reach_the_document_as_texts_and_stay_in_the_record(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="new", parameters={"notebooks": False, "workers": 7})
    assert instance.spec.software.parameters == {"release": "one", "notebooks": False, "workers": 7}
    (attempt_id,) = list_attempt_ids(instance)
    assert attempt_id.startswith(f"one.false.7.{instance.id}.")


def test_recipe_with_its_own_image_is_launched_from_it(desk: World) -> None:
    instance = desk.wait_until(desk.launch(recipe="old"), lambda now: now.ec2_instance is not None)
    image = boto3.client("ssm", "us-east-1").get_parameter(Name=UBUNTU_18)["Parameter"]["Value"]
    found = desk.ec2.describe_instances(InstanceIds=[get_ec2_id(instance)])["Reservations"][0]["Instances"][0]
    assert found["ImageId"] == image
    name = desk.ec2.describe_images(ImageIds=[image])["Images"][0]["Name"]
    assert "ubuntu-bionic-18.04-amd64" in name


def test_launch_from_an_image_that_is_not_published_fails_with_its_name(desk: World) -> None:
    preparer = desk.application.launches.preparer
    recipes = preparer.recipes
    nowhere = UBUNTU_18.replace("18.04", "16.04")
    fits = replace(recipes["old"].requirements, ubuntu=("16.04",))
    older = replace(recipes["old"], name="older", image={"x86_64": nowhere}, requirements=fits)
    preparer = replace(preparer, recipes={**recipes, "older": older})
    launching = replace(desk.application.launches, preparer=preparer)
    request = LaunchRequest(gpu="T4", recipe="older")
    instance = launching.launch(ADA, request, key=None, body_digest="older").instance
    instance = desk.wait_for_phase(instance, Phase.FAILED, minutes=5)
    assert f"SSM parameter {nowhere} could not be read in us-east-1, so no AMI was found" in instance.reason.message


def test_launch_on_a_cpu_type_says_that_the_gpu_steps_are_skipped(desk: World) -> None:
    request = LaunchRequest(instance_type="t3.large", recipe="new")
    launching = desk.application.launches
    words = "t3.large has no GPU. Recipe new skips its GPU steps and computes on the CPU."
    granted = launching.launch(ADA, request, key="once", body_digest="cpu")
    assert granted.warnings[0] == WriteWarning(WarningCode.GPU_STEPS_SKIPPED, words)
    again = launching.launch(ADA, request, key="once", body_digest="cpu")
    assert again.warnings == granted.warnings, "the same answer again"
    (line,) = [line for line in desk.list_timeline(granted.instance) if line.code == "gpu_steps_skipped"]
    assert line.message == words
    plain = launching.launch(ADA, LaunchRequest(instance_type="t3.large", recipe="bare"), key=None, body_digest="bare")
    assert WarningCode.GPU_STEPS_SKIPPED not in [warning.code for warning in plain.warnings]
