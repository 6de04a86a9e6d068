"""Timeline of the desk."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.changes import record_changes
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.settings import DeskSettings, Mode, ModeChange

NOW = datetime(2030, 1, 5, 9, 0, tzinfo=UTC)
BEFORE = DeskSettings(channels=Channels(webhook="https://hooks.example.org/a", webhook_generation=1))


def describe(after: DeskSettings) -> list[str]:
    """Return the messages of the entries."""
    return [entry.message for entry in record_changes(BEFORE, after, "root", NOW)[1]]


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAUSED])
def test_new_mode_has_author_and_time(mode: Mode) -> None:
    after, (entry,) = record_changes(BEFORE, replace(BEFORE, mode=mode), "slack for root", NOW)
    assert after.mode_change == ModeChange(at=NOW, by="slack for root")
    assert (entry.code, entry.actor, entry.at) == (EventCode.MODE_CHANGED, "slack for root", NOW)
    assert entry.message.startswith(f"slack for root changed the mode of gpudesk from enforce to {mode}. ")
    assert entry.details == {"before": "enforce", "after": str(mode)}


def test_end_of_a_pause_is_remembered_over_later_modes() -> None:
    paused = replace(BEFORE, mode=Mode.PAUSED)
    resumed, _ = record_changes(paused, replace(paused, mode=Mode.ENFORCE), "root", NOW)
    later, _ = record_changes(resumed, replace(resumed, mode=Mode.DRY_RUN), "root", NOW + timedelta(hours=1))
    assert (resumed.resumed_at, later.resumed_at) == (NOW, NOW)
    assert record_changes(BEFORE, replace(BEFORE, mode=Mode.DRY_RUN), "root", NOW)[0].resumed_at is None


def test_other_change_keeps_author_of_mode() -> None:
    before = replace(BEFORE, mode=Mode.PAUSED, mode_change=ModeChange(at=NOW, by="root"))
    after, _ = record_changes(before, replace(before, log_group="/gpudesk/setup"), "eve", NOW)
    assert after.mode_change == before.mode_change


def test_changed_values_are_named_with_their_path() -> None:
    limits = replace(BEFORE.limits, max_hours=100, regions=("eu-west-1", "us-east-1"))
    defaults = replace(BEFORE.defaults, idle_policy=replace(BEFORE.defaults.idle_policy, idle_minutes=60))
    assert describe(replace(BEFORE, limits=limits, defaults=defaults, log_group="/gpudesk/setup")) == [
        "root changed defaults.idle_policy.idle_minutes from 30 to 60, limits.max_hours from 72 to 100, "
        "limits.regions from none to eu-west-1, us-east-1 and log_group from none to /gpudesk/setup."
    ]


def test_changed_values_are_details_for_programs() -> None:
    after = replace(BEFORE, limits=replace(BEFORE.limits, max_hours=100), channels=Channels(email="root@example.org"))
    _, (entry,) = record_changes(BEFORE, after, "root", NOW)
    assert entry.details == {"limits.max_hours.before": "72", "limits.max_hours.after": "100"}


def test_addresses_are_not_shown() -> None:
    channels = replace(BEFORE.channels, email="root@example.org", webhook="https://hooks.example.org/b")
    assert describe(replace(BEFORE, channels=channels)) == ["root changed channels.email and channels.webhook."]


def test_new_secret_of_same_webhook_is_a_change() -> None:
    channels = replace(BEFORE.channels, webhook_generation=2)
    assert describe(replace(BEFORE, channels=channels)) == ["root changed the secret of channels.webhook."]


def test_equal_settings_have_no_entry() -> None:
    assert record_changes(BEFORE, BEFORE, "root", NOW) == (BEFORE, ())
