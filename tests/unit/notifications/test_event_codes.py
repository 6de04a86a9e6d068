"""Event codes: agreement with the probe and with the replay tool, and invalid definitions."""

from typing import Any

import pytest

from chalicelib.domain.common.event_codes import Audience, EventCode, ReplayAction
from chalicelib.domain.idle.rule import ActivityCode


def test_codes_of_the_probe_are_event_codes() -> None:
    assert {str(code) for code in ActivityCode} <= {str(code) for code in EventCode}


def test_replay_actions_of_event_codes_are_stable() -> None:
    assert {str(code): str(code.replay_action) for code in EventCode if code.replay_action} == {
        "idle_warning": "warn",
        "lifetime_warning": "warn",
        "warning_cancelled": "withdraw",
        "stop_initiated": "stop",
        "activity_unknown": "report_silence",
    }
    assert {code.replay_action for code in EventCode} - {None} == set(ReplayAction)


@pytest.mark.parametrize(
    "values",
    [("code",), ("code", (Audience.OWNER,)), ("code", (), "has a subject that nobody reads")],
    ids=["no audience", "no subject", "no audience for the subject"],
)
def test_incomplete_code_fails_when_it_is_defined(values: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        EventCode.__new_member__(EventCode, *values)  # type: ignore[attr-defined]
