"""Notifications about an instance that becomes ready, or whose setup fails."""

import pytest

from chalicelib.domain.common.event_codes import Audience
from chalicelib.domain.instances.observation import (
    CommandStatus,
)
from chalicelib.domain.instances.record import Phase
from tests.unit.notifications.delivery import EMAIL_ADDRESSES, WEBHOOK_URLS, deliver
from tests.unit.notifications.instances import NAME, build_command, build_heartbeat, build_instance_in_setup
from tests.unit.notifications.triggers import FAILED, TRIGGERS, decide_change


def test_ready_message_names_recipe_cost_stop_times_and_connection() -> None:
    (*_, line) = decide_change(
        build_instance_in_setup(),
        command=build_command(CommandStatus.SUCCEEDED, "Installed."),
        heartbeat=build_heartbeat(),
    )[1]
    assert line.message == (
        f"{NAME} is ready. Recipe jupyter was set up in 600 s, no reboot, 10 bytes of output. It costs $0.538 per "
        "hour. When it has been idle for 10 minutes, gpudesk sends a warning and stops it 5 minutes later. Its "
        "lifetime ends at 2026-01-08 09:00 UTC. To connect, press Connect or run gpudesk-session "
        f"{NAME} on your computer."
    )


@pytest.mark.parametrize("rerun", [False, True], ids=["launch", "requested setup"])
def test_ready_is_notified_after_a_setup(rerun: bool) -> None:
    instance, entries = decide_change(
        build_instance_in_setup(rerun=rerun),
        command=build_command(CommandStatus.SUCCEEDED, ""),
        heartbeat=build_heartbeat(),
    )
    assert instance.phase is Phase.READY
    assert deliver(instance, entries).webhooks[WEBHOOK_URLS[Audience.OWNER]]["type"] == "ready"


@pytest.mark.parametrize("code", ["adopted", "stop_cancelled", "image_available", "image_failed", "benchmark_done"])
def test_ready_is_not_notified_when_an_instance_stays_or_becomes_ready_again(code: str) -> None:
    instance, entries = TRIGGERS[code]()
    assert instance.phase is Phase.READY
    assert [entry.code for entry in entries] == [code]


def test_setup_that_fails_on_a_ready_instance_is_notified_without_a_stop() -> None:
    instance, entries = decide_change(build_instance_in_setup(rerun=True), command=FAILED, heartbeat=build_heartbeat())
    assert (instance.phase, instance.warning) == (Phase.READY, None)
    found = deliver(instance, entries)
    assert found.mails[EMAIL_ADDRESSES[Audience.OWNER]][0] == f"gpudesk: {NAME} has a failed setup"
    assert "stays ready" in found.mails[EMAIL_ADDRESSES[Audience.OWNER]][1]
