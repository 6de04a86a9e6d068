"""Scenario tests of the names of launches: generated names that are in use are replaced, requested ones are refused."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.instances.names import WordLists
from chalicelib.domain.launch.request import LaunchRequest
from tests.support.world import ADA, World


def launch_with_words(desk: World, key: str, *animals: str) -> str:
    launches = replace(desk.application.launches, words=WordLists(("brave",), animals))
    return launches.launch(ADA, LaunchRequest(gpu="T4"), key=key, body_digest=key).instance.name


def test_generated_name_in_use_is_replaced_by_another(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.launch(name="brave-otter")
    choices = iter(["brave", "otter", "brave", "otter", "brave", "fox"])
    monkeypatch.setattr("chalicelib.control.services.launch.secrets.choice", lambda _: next(choices))
    assert launch_with_words(desk, "other", "otter", "fox") == "brave-fox"


def test_launch_is_refused_when_every_generated_name_is_in_use(desk: World) -> None:
    assert launch_with_words(desk, "first", "otter") == "brave-otter"
    with pytest.raises(Conflict, match="brave-otter is in use") as refusal:
        launch_with_words(desk, "second", "otter")
    assert refusal.value.code is ErrorCode.NAME_TAKEN
    assert len(list(desk.application.launches.stores.instances.list_active())) == 1


def test_name_of_a_failed_launch_is_refused_with_how_to_free_it(desk: World) -> None:
    desk.cloud.faults.inject("RunInstances", "UnauthorizedOperation", times=10)
    failed = desk.launch(name="otter")
    desk.pass_minutes(3)
    assert desk.load(failed).has_launch_failed
    with pytest.raises(Conflict) as refusal:
        desk.launch(name="otter", key="again")
    assert refusal.value.code is ErrorCode.NAME_TAKEN
    assert refusal.value.message == (
        "A launch that failed has the name otter. To free it, send DELETE /instances/otter, or choose another."
    )
    desk.application.instances.terminate(ADA, "otter")
    desk.pass_minutes(1)
    assert desk.launch(name="otter", key="third").name == "otter"
