"""Scenario tests of launches from an image: skipped documents, inherited parameters and recipes, refusals."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.instances.record import Instance, Phase
from local.aws.core.timing import AwsTiming
from local.machines.host.simulated import SimulatedMachines
from tests.support.documents import get_ssm_name
from tests.support.images import create_available_image
from tests.support.recipes import build_recipes
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id, open_world

MIRROR = "https://mirror.example.org/ubuntu"


@pytest.fixture
def desk() -> Iterator[World]:
    with open_world(AwsTiming(image_creation_for=MINUTE), recipes=build_recipes()) as around:
        yield around


def ready(desk: World, **request: Any) -> Instance:
    """Return a ready instance whose name differs from that of every later launch."""
    return desk.launch_until_ready(name="brave-otter", **request)


def set_up(desk: World, instance: Instance, recipe: str, **parameters: Any) -> Instance:
    desk.application.setup.run(ADA, instance.id, recipe=recipe, parameters=parameters)
    return desk.wait_for_phase(instance, Phase.READY)


def origin_message(launched: InstanceWithWarnings) -> str:
    """Return the message of the answer about the image."""
    return next(warning.message for warning in launched.warnings if warning.code is WarningCode.LAUNCHED_FROM_IMAGE)


def documents_run_on(desk: World, instance: Instance) -> set[str]:
    machines = desk.cloud.machines
    assert isinstance(machines, SimulatedMachines)
    return {script.document_name for who, script in machines.executed_scripts if who == get_ec2_id(instance)}


def test_launch_from_an_image_skips_installed_documents_and_says_what_this_saves(desk: World) -> None:
    image = create_available_image(desk, ready(desk))
    machines = desk.cloud.machines
    assert isinstance(machines, SimulatedMachines)
    machines.executed_scripts.clear()
    copy = desk.wait_for_phase(desk.launch(name="quick-fox", image="latest"), Phase.READY)
    ran = {script.document_name for who, script in machines.executed_scripts if who == get_ec2_id(copy)}
    assert ran == {get_ssm_name("gpudesk-probe")}, "it sends another machine's heartbeat, so it runs; Jupyter is there"
    line = next(line for line in desk.list_timeline(copy) if line.code == "document_skipped")
    took = next(
        installed_document.seconds
        for installed_document in image.installed_documents
        if installed_document.name == "gpudesk-jupyter"
    )
    assert f"saves about {took} s" in line.message
    found = boto3.client("ec2", "us-east-1").describe_instances(InstanceIds=[get_ec2_id(copy)])
    assert found["Reservations"][0]["Instances"][0]["ImageId"] == image.ami.id


def test_document_that_has_changed_since_the_image_runs_again(desk: World) -> None:
    image = create_available_image(desk, ready(desk))
    ssm = boto3.client("ssm", "us-east-1")
    name = get_ssm_name("gpudesk-jupyter")
    content = ssm.get_document(Name=name)["Content"].replace("gpudesk: installs", "gpudesk: now installs")
    ssm.update_document(Name=name, Content=content, DocumentVersion="$LATEST")
    ssm.update_document_default_version(Name=name, DocumentVersion="2")
    copy = desk.wait_for_phase(desk.launch(name="quick-fox", image=image.id), Phase.READY)
    assert "document_skipped" not in desk.list_codes(copy)


def test_launch_that_the_image_does_not_support_is_refused(desk: World) -> None:
    image = create_available_image(desk, ready(desk))
    refusals: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"region": "eu-west-1"}, "region", "not set up in eu-west-1"),
        ({"gpu": "T4g"}, "image", "is arm64"),
        ({"disk_gib": 16}, "image", "at least"),
        ({"image": "no-such"}, "image", "no image 'no-such'"),
        ({"image": "latest", "recipe": "bare"}, "image", "no image with recipe bare"),
    )
    for fields, field, words in refusals:
        with pytest.raises(ValidationFailed) as refused:
            desk.launch(**{"image": image.id, **fields})
        (error,) = refused.value.errors
        assert error.field == field
        assert words in error.message


def test_admin_finds_the_image_of_another_owner_by_its_id_and_its_name(desk: World) -> None:
    image = create_available_image(desk, ready(desk))
    launched = desk.launch(ADMIN, image="vision-1", instance_type="g4dn.xlarge").spec.software.image
    assert launched is not None
    assert launched.id == image.id
    assert desk.launch(ADMIN, image=image.id, instance_type="g4dn.xlarge").spec.software.image is not None


def test_parameters_of_the_instance_are_defaults_of_a_launch_from_its_image(desk: World) -> None:
    image = create_available_image(desk, ready(desk, parameters={"apt_mirror": MIRROR}))
    launched = desk.request_launch(image="latest", name="quick-fox")
    assert launched.instance.spec.software.parameters["apt_mirror"] == MIRROR
    assert (
        f"with the parameters apt_mirror={MIRROR}. gpudesk skips unchanged documents of the image: gpudesk-jupyter."
        in origin_message(launched)
    )
    copy = desk.wait_for_phase(launched.instance, Phase.READY)
    assert documents_run_on(desk, copy) == {get_ssm_name("gpudesk-probe")}
    other = desk.request_launch(image=image.name, parameters={"apt_mirror": ""}, name="slow-fox")
    assert other.instance.spec.software.parameters["apt_mirror"] == "", "what is said wins"
    assert "No document of the image can be skipped" in origin_message(other)
    with pytest.raises(ValidationFailed) as refused:
        desk.launch(image="latest", parameters={"apt_mirror": ""})
    assert "no image with recipe jupyter" in refused.value.errors[0].message


def test_added_recipes_of_the_instance_are_inherited_from_its_image(desk: World) -> None:
    instance = ready(desk, recipe="bare")
    set_up(desk, instance, "jupyter", apt_mirror=MIRROR)
    image = create_available_image(desk, instance)
    assert (image.recipe, [added_recipe.recipe for added_recipe in image.added_recipes]) == ("bare", ["jupyter"])
    assert {installed_document.name for installed_document in image.installed_documents} == {
        "gpudesk-probe",
        "gpudesk-jupyter",
    }
    launched = desk.request_launch(image=image.name, name="quick-fox")
    assert (
        "with the added recipe jupyter. gpudesk skips unchanged documents of the image: gpudesk-jupyter."
        in origin_message(launched)
    )
    assert "launched_from_image" in desk.list_codes(launched.instance)
    copy = desk.wait_for_phase(launched.instance, Phase.READY)
    assert copy.spec.software.recipe == "bare"
    assert copy.spec.software.get_parameters("jupyter")["apt_mirror"] == MIRROR
    assert documents_run_on(desk, copy) == {get_ssm_name("gpudesk-probe")}
    ways = desk.application.sessions.connect(ADA, copy.id).commands
    assert any("portNumber=8888" in way.command for way in ways)
    again = create_available_image(desk, copy, name="vision-2")
    assert (again.added_recipes, {installed_document.name for installed_document in again.installed_documents}) == (
        image.added_recipes,
        {"gpudesk-probe", "gpudesk-jupyter"},
    )
    other = desk.request_launch(image=image.id, recipe="jupyter", name="slow-fox")
    assert other.instance.spec.software.added_recipes == ()
    assert other.instance.spec.software.parameters["apt_mirror"] == MIRROR, "as it was chosen there, for that recipe"


def test_failed_added_recipe_is_not_captured_and_the_answer_says_so(desk: World) -> None:
    instance = ready(desk, recipe="bare")
    desk.cloud.machines.outcomes["install"] = [(1, "", "no such package")] * 3  # type: ignore[attr-defined]
    set_up(desk, instance, "jupyter")
    requested = desk.application.images.create(ADA, instance.id, name="vision", description="", no_reboot=True)
    assert requested.image.added_recipes == ()
    assert requested.image.installed_documents == (), "the probe failed, too"
    (message,) = (warning.message for warning in requested.warnings if warning.code is WarningCode.RECIPE_NOT_CAPTURED)
    assert message.startswith("Recipe jupyter of ")


def test_image_of_a_recipe_with_its_own_base_image_keeps_that_base(desk: World) -> None:
    image = create_available_image(desk, ready(desk, recipe="old"))
    copy = desk.wait_for_phase(desk.launch(image=image.id, name="quick-fox"), Phase.READY)
    assert copy.spec.software.image_parameter == image.source.base_image_parameter
    with pytest.raises(ValidationFailed) as refused:
        set_up(desk, copy, "new")
    assert "the image is Ubuntu 18.04, and the recipe supports 22.04" in refused.value.errors[0].message
    assert (
        desk.launch(image=create_available_image(desk, copy, name="vision-2").id, name="slow-fox").spec.software.recipe
        == "old"
    )


def test_repeated_launch_has_the_same_warnings(desk: World) -> None:
    image = create_available_image(desk, ready(desk))
    first = desk.request_launch(image=image.id, key="k-1")
    again = desk.request_launch(image=image.id, key="k-1")
    assert "gpudesk skips unchanged documents of the image" in origin_message(first)
    assert (again.instance.id, again.warnings) == (first.instance.id, first.warnings)
    unkeyed = [desk.request_launch(image=image.id, name="quick-fox").warnings for _ in range(2)]
    assert unkeyed[0] == unkeyed[1][1:]
    assert unkeyed[1][0].code is WarningCode.DUPLICATE_REQUEST
