"""Scenario tests of heartbeats and records that cannot be read.

What gpudesk decides while the activity is unknown is tested without AWS, in `tests/unit/idle`.
"""

import json
from dataclasses import replace

from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.store.instances.table import InstanceModel
from tests.support.world import MINUTE, World, get_ec2_id


def test_unreadable_heartbeat_cancels_the_warning_and_is_shown_as_unknown(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.send_heartbeats = lambda: desk.send_heartbeat(get_ec2_id(instance), signals="quiet")  # type: ignore[method-assign]
    desk.pass_minutes(8, sweep_every=4)
    shown = desk.get_snapshot(instance)
    assert (shown.instance.phase, shown.instance.warning) == (Phase.READY, None)
    assert shown.live.activity is not None
    assert "unknown" in shown.live.activity.reason.message


def test_record_that_cannot_be_read_does_not_stop_the_sweep_of_the_others(desk: World) -> None:
    instances = desk.application.reconciler.stores.instances
    waiting, broken = desk.launch(key="first"), desk.launch(key="second")
    for number in range(98):
        asleep = replace(waiting, id=f"gd-{number}", name=f"asleep-{number}", phase=Phase.STOPPED)
        instances.adopt(replace(asleep, spec=replace(waiting.spec, desired=DesiredState.STOPPED)), [])
    model = InstanceModel.get(broken.id)
    model.record = json.dumps({"id": broken.id, "phase": "half-eaten"})
    model.save()
    desk.clock.advance(MINUTE)
    report = desk.application.sweep.run()
    assert report.failed == [broken.id]
    assert report.examined == 99
    assert desk.load(waiting).ec2_instance is not None
