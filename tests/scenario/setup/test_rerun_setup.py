"""POST /instances/{name}/setup: the recipe again, or another one, on an instance that is there."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.domain.common.errors import Conflict, ValidationFailed
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.state import AddedRecipe
from local.aws.core.timing import AwsTiming
from local.machines.host.simulated import SimulatedMachines
from tests.support.recipes import build_recipes
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id, open_world

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


def attempts(instance: Instance) -> list[str]:
    """The attempt ids that its machine was sent, the oldest first."""
    commands = boto3.client("ssm", "us-east-1").list_commands(InstanceId=get_ec2_id(instance))["Commands"]
    commands.sort(key=lambda command: command["RequestedDateTime"])
    return [command["Parameters"]["attemptId"][0] for command in commands]


def test_the_recipe_runs_again_under_fresh_attempt_ids_and_the_timeline_says_who_asked(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="jupyter")
    first = attempts(instance)
    asked = set_up(desk, instance).instance
    assert asked.phase is Phase.SETTING_UP
    assert asked.spec.software.added_recipes == ()
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=20)
    again = attempts(instance)
    assert len(set(again)) == 2 * len(first) == 4
    lines = {str(line.code): line for line in desk.list_timeline(instance)}
    assert (lines["setup_requested"].actor, lines["setup_requested"].details) == ("ada", {"recipe": "jupyter"})
    assert lines["setup_requested"].message == f"ada requested to run recipe jupyter again on {instance.name}."
    assert desk.list_codes(instance).count("ready") == 2


def test_another_recipe_is_added_with_what_was_chosen_and_survives_a_stop_and_a_start(desk: World) -> None:
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
    assert attempts(instance)[-1].startswith(f"one.true.9.{instance.id}.1.0.")
    ways = desk.application.sessions.connect(ADA, instance.name).commands
    assert any("portNumber=8899" in way.command for way in ways), "the added recipe's Jupyter"
    set_up(desk, instance, "new", release="two")
    desk.wait_for_phase(instance, Phase.READY, minutes=20)
    (added,) = desk.load(instance).spec.software.added_recipes
    assert added.parameters == {"release": "two", "notebooks": True, "workers": 9}, "what is left out stays"


def test_what_is_being_set_up_is_not_idle_and_its_idle_window_begins_anew() -> None:
    slow = AwsTiming(min_invocation_for=14 * MINUTE)
    with open_world(slow, recipes=build_recipes()) as desk:
        instance = desk.launch_until_warned(recipe="bare")
        assert instance.warning is not None
        set_up(desk, instance)
        assert desk.list_codes(instance)[-2:] == ["setup_requested", "warning_cancelled"]
        desk.pass_minutes(13)
        assert desk.load(instance).phase is Phase.SETTING_UP
        assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
        instance = desk.wait_for_phase(instance, Phase.READY, minutes=5)
        desk.pass_minutes(5)
        assert desk.load(instance).warning is None
        desk.wait_until(instance, lambda now: now.warning is not None, minutes=4)


def test_asked_for_twice_it_runs_once_and_another_one_has_to_wait(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    first = set_up(desk, instance, "new").instance
    assert set_up(desk, instance, "new").instance == first
    with pytest.raises(Conflict, match=r"is being set up with new\. Request the setup when it is ready") as refused:
        set_up(desk, instance, "jupyter")
    assert refused.value.code == "setup_in_progress"
    desk.wait_for_phase(instance, Phase.READY, minutes=20)
    assert desk.list_codes(instance).count("setup_requested") == 1


def test_a_failed_setup_is_run_again_and_its_warning_withdrawn(desk: World, machines: SimulatedMachines) -> None:
    machines.outcomes["install"] = [FAILS] * 3
    instance = desk.wait_for_phase(desk.launch(recipe="jupyter"), Phase.FAILED)
    assert f"Setup of jupyter failed on {instance.name}" in instance.reason.message
    with pytest.raises(Conflict, match=r"Setup of recipe jupyter failed on .*\. Run it again first") as refused:
        set_up(desk, instance, "new")
    assert refused.value.code == "previous_setup_failed"
    assert set_up(desk, instance).instance.warning is None
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=20)
    assert [result.succeeded for result in instance.setup.results] == [False, False, False, True, True]


def test_a_failed_setup_that_fails_again_is_warned_of_and_stopped(desk: World, machines: SimulatedMachines) -> None:
    machines.outcomes["install"] = [FAILS] * 6
    instance = desk.wait_for_phase(desk.launch(recipe="bare"), Phase.FAILED)
    set_up(desk, instance)
    instance = desk.wait_for_phase(instance, Phase.FAILED)
    assert instance.warning is not None
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=25)


def test_where_an_added_recipe_fails_the_instance_goes_on_as_it_was(desk: World, machines: SimulatedMachines) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    desk.activity["gpu"] = SignalState.ACTIVE
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
    desk.pass_minutes(30)
    assert desk.load(instance).phase is Phase.READY, "nobody stops what is in use"
    assert set_up(desk, instance).instance.setup.recipe == "new", "without a name: the one that failed"
    assert desk.wait_for_phase(instance, Phase.READY, minutes=20).reason.code == "ready"


def refusal(desk: World, instance: Instance) -> tuple[str, str]:
    with pytest.raises(Conflict) as refused:
        set_up(desk, instance)
    return refused.value.code, refused.value.message.removeprefix(f"{instance.name} ")


def test_what_is_not_ready_is_refused_and_says_why(desk: World) -> None:
    instance = desk.launch(recipe="bare")
    assert refusal(desk, instance) == ("not_ready", "is requested. Request the setup when it is ready.")
    desk.wait_for_phase(instance, Phase.READY)
    desk.pause()
    assert refusal(desk, instance) == (
        "desk_paused",
        "gpudesk is paused. Instances can be set up when an admin sets mode to enforce.",
    )
    desk.application.desk.update(ADMIN, mode=Mode.ENFORCE)
    starts = f"Start it first (POST /instances/{instance.name}/start), and request the setup when it is ready."
    desk.application.instances.stop(ADA, instance.name)
    assert refusal(desk, instance) == ("not_running", f"is being stopped. {starts}")
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    assert refusal(desk, instance) == ("not_running", f"is stopped. {starts}")
    desk.application.instances.terminate(ADA, instance.name)
    assert refusal(desk, instance) == ("instance_terminated", "is going to be terminated. It cannot be set up.")


def test_what_does_not_fit_the_machine_as_it_is_is_refused_with_what_would(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    with pytest.raises(ValidationFailed) as refused:
        set_up(desk, instance, "old", release="ONE")
    errors = {error.field: error.message for error in refused.value.errors}
    assert list(errors) == ["parameters.release", "recipe"]
    assert "the image is Ubuntu 22.04, and the recipe supports 18.04. Launch a new instance for it" in errors["recipe"]
    with pytest.raises(ValidationFailed) as refused:
        set_up(desk, instance, "nothing")
    assert refused.value.errors[0].message.startswith("must be one of bare, jupyter, ")


def test_on_a_cpu_type_an_added_recipe_says_what_it_skips(desk: World) -> None:
    instance = desk.launch_until_ready(instance_type="t3.large", recipe="bare")
    granted = set_up(desk, instance, "new")
    message = "t3.large has no GPU. Recipe new skips its GPU steps and computes on the CPU."
    assert granted.warnings == (WriteWarning(WarningCode.GPU_STEPS_SKIPPED, message),)
    assert "gpu_steps_skipped" in desk.list_codes(instance)


def test_while_it_is_set_up_again_a_keep_on_the_machine_is_granted_and_its_reboot_is_no_news(desk: World) -> None:
    instance = desk.launch_until_ready(recipe="bare")
    desk.pass_minutes(2)
    set_up(desk, instance)
    desk.application.reconciler.reconcile(instance.id)
    assert desk.load(instance).phase is Phase.SETTING_UP
    desk.reboot_instances()
    desk.keep_request = KeepRequest(id="w1", hours=1)
    desk.clock.advance(MINUTE)
    desk.send_heartbeats()
    desk.application.reconciler.reconcile(instance.id)
    current = desk.load(instance)
    assert current.lifetime.keep_until is not None
    assert "rebooted" not in desk.list_codes(instance)
