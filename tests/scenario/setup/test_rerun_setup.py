"""Scenario tests of `POST /instances/{name}/setup`: the recipe again, or another one, on an existing instance.

What a setup does to warnings, keeps and the idle window is tested in `tests/unit/instances/test_setting_up.py`.
"""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.domain.common.errors import Conflict, ValidationFailed
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.settings import PAUSE_END, Mode
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.state import AddedRecipe
from local.machines.host.simulated import SimulatedMachines
from tests.support.recipes import build_recipes
from tests.support.world import ADA, ADMIN, World, get_ec2_id, open_world

FAILS = (1, "", "E: Unable to locate package libfoo\n")


@pytest.fixture
def machines() -> SimulatedMachines:
    return SimulatedMachines()


@pytest.fixture
def desk(machines: SimulatedMachines) -> Iterator[World]:
    with open_world(machines=machines, recipes=build_recipes()) as made:
        yield made


def set_up(desk: World, instance: Instance, recipe: str | None = None, **parameters: Any) -> InstanceWithWarnings:
    return desk.application.setup.run(ADA, instance.name, recipe=recipe, parameters=parameters)


def list_attempt_ids(instance: Instance) -> list[str]:
    """Return the attempt ids that SSM sent to the instance, the oldest first."""
    commands = boto3.client("ssm", "us-east-1").list_commands(InstanceId=get_ec2_id(instance))["Commands"]
    commands.sort(key=lambda command: command["RequestedDateTime"])
    return [command["Parameters"]["attemptId"][0] for command in commands]


def test_recipe_runs_again_with_new_attempt_ids_and_the_timeline_names_the_requester(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    first = list_attempt_ids(instance)
    asked = set_up(desk, instance).instance
    assert asked.phase is Phase.SETTING_UP
    assert asked.spec.software.added_recipes == ()
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=20)
    again = list_attempt_ids(instance)
    assert len(set(again)) == 2 * len(first) == 2
    lines = {str(line.code): line for line in desk.list_timeline(instance)}
    assert (lines["setup_requested"].actor, lines["setup_requested"].details) == ("ada", {"recipe": "bare"})
    assert lines["setup_requested"].message == f"ada requested to run recipe bare again on {instance.name}."
    assert desk.list_codes(instance).count("ready") == 2


def test_added_recipe_keeps_its_parameters_over_a_stop_and_a_start(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    granted = set_up(desk, instance, "new", workers=9)
    chosen: dict[str, ParameterValue] = {"release": "one", "notebooks": True, "workers": 9}
    assert granted.instance.spec.software.added_recipes == (AddedRecipe(recipe="new", parameters=chosen),)
    assert granted.warnings == (), "it has a GPU"
    desk.wait_until(
        instance, lambda now: now.setup.current_run is not None and now.setup.current_run.command_id is not None
    )
    desk.application.instances.stop(ADA, instance.name)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    desk.application.instances.start(ADA, instance.name)
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=20)
    assert instance.setup.is_done
    assert instance.setup.results[-1].name == "gpudesk-jupyter"
    assert (instance.spec.software.recipe, instance.spec.software.added_recipes[0].parameters) == ("bare", chosen)
    assert list_attempt_ids(instance)[-1].startswith(f"one.true.9.{instance.id}.1.0.")
    ways = desk.application.sessions.connect(ADA, instance.name).commands
    assert any("portNumber=8899" in way.command for way in ways), "the added recipe's Jupyter"
    set_up(desk, instance, "new", release="two")
    desk.wait_for_phase(instance, Phase.READY, minutes=20)
    (added,) = desk.load(instance).spec.software.added_recipes
    assert added.parameters == {"release": "two", "notebooks": True, "workers": 9}, "what is left out stays"


def test_repeated_request_runs_once_and_another_recipe_has_to_wait(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    first = set_up(desk, instance, "new").instance
    assert set_up(desk, instance, "new").instance == first
    with pytest.raises(Conflict, match=r"is being set up with new\. Request the setup when it is ready") as refused:
        set_up(desk, instance, "jupyter")
    assert refused.value.code == "setup_in_progress"
    desk.wait_for_phase(instance, Phase.READY, minutes=20)
    assert desk.list_codes(instance).count("setup_requested") == 1


def test_failed_setup_is_run_again_and_its_warning_is_cancelled(desk: World, machines: SimulatedMachines) -> None:
    machines.outcomes["install"] = [FAILS] * 3
    instance = desk.wait_for_phase(desk.launch(recipe="jupyter"), Phase.FAILED)
    assert f"Setup of jupyter failed on {instance.name}" in instance.reason.message
    with pytest.raises(Conflict, match=r"Setup of recipe jupyter failed on .*\. Run it again first") as refused:
        set_up(desk, instance, "new")
    assert refused.value.code == "previous_setup_failed"
    assert set_up(desk, instance).instance.warning is None
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=20)
    assert [result.succeeded for result in instance.setup.results] == [False, False, False, True, True]


def test_added_recipe_that_fails_leaves_the_instance_ready_and_is_run_again(
    desk: World, machines: SimulatedMachines
) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    machines.outcomes["install"] = [FAILS] * 3
    set_up(desk, instance, "new")
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=20)
    assert instance.reason.code == "setup_failed"
    for part in (
        ": gpudesk-jupyter failed in step install",
        "libfoo",
        "stays ready and can be used as before",
        f"failed on {instance.name}",
    ):
        assert part in instance.reason.message
    assert instance.warning is None
    assert set_up(desk, instance).instance.setup.recipe == "new", "without a name: the one that failed"
    assert desk.wait_for_phase(instance, Phase.READY, minutes=20).reason.code == "ready"


def refusal(desk: World, instance: Instance) -> tuple[str, str]:
    with pytest.raises(Conflict) as refused:
        set_up(desk, instance)
    return refused.value.code, refused.value.message.removeprefix(f"{instance.name} ")


def test_setup_of_an_instance_that_is_not_ready_is_refused_with_the_reason(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    desk.pause()
    assert refusal(desk, instance) == (
        "desk_paused",
        f"gpudesk is paused. Instances can be set up when {PAUSE_END}.",
    )
    desk.application.desk.update(ADMIN, mode=Mode.ENFORCE)
    starts = f"Start it first (POST /instances/{instance.name}/start). Request the setup when it is ready."
    desk.application.instances.stop(ADA, instance.name)
    assert refusal(desk, instance) == ("not_running", f"will be stopped. {starts}")
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    assert refusal(desk, instance) == ("not_running", f"is stopped. {starts}")
    desk.application.instances.terminate(ADA, instance.name)
    assert refusal(desk, instance) == ("instance_terminated", "will be terminated. It cannot be set up.")
    other = desk.launch(recipe="bare")
    assert refusal(desk, other) == ("not_ready", "is being launched. Request the setup when it is ready.")


def test_recipe_that_does_not_support_the_instance_is_refused_with_the_reason(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    with pytest.raises(ValidationFailed) as refused:
        set_up(desk, instance, "old", release="ONE")
    errors = {error.field: error.message for error in refused.value.errors}
    assert list(errors) == ["parameters.release", "recipe"]
    assert "the image is Ubuntu 22.04, and the recipe supports 18.04. Launch a new instance for it" in errors["recipe"]
    with pytest.raises(ValidationFailed) as refused:
        set_up(desk, instance, "nothing")
    assert refused.value.errors[0].message.startswith("must be one of bare, jupyter, ")


def test_added_recipe_on_a_cpu_type_says_that_it_skips_its_gpu_steps(desk: World) -> None:
    instance = desk.launch_until_ready(instance_type="t3.large", recipe="bare")
    granted = set_up(desk, instance, "new")
    message = "t3.large has no GPU. Recipe new skips its GPU steps and computes on the CPU."
    assert granted.warnings == (WriteWarning(WarningCode.GPU_STEPS_SKIPPED, message),)
    assert "gpu_steps_skipped" in desk.list_codes(instance)
