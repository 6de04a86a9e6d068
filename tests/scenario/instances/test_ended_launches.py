"""Scenario tests of launches and starts that EC2 accepts and then ends with a state reason."""

import pytest

from chalicelib.domain.instances.record import Phase
from tests.support.channels import add_webhook
from tests.support.world import ADA, World


def test_accepted_launch_that_ends_without_capacity_continues_in_another_zone(desk: World) -> None:
    desk.cloud.faults.end_launch("Server.InsufficientInstanceCapacity", times=2)
    instance = desk.wait_for_phase(desk.launch(), Phase.READY, minutes=10)
    assert instance.ec2_instance is not None
    assert instance.ec2_instance.zone == "us-east-1c"
    assert desk.list_codes(instance).count("zone_no_capacity") == 2
    assert desk.list_ec2_ids() == [instance.ec2_instance.instance_id]
    assert instance.billing.meter.accrued == 0, "AWS does not bill an instance that never ran"


@pytest.mark.parametrize(
    ("reason", "code", "advice"),
    [
        ("Client.InternalError", "launch_refused", "KMS key"),
        ("Client.VolumeLimitExceeded", "quota_exceeded", "Service Quotas"),
    ],
)
def test_accepted_launch_that_ends_for_another_reason_fails_and_says_what_to_do(
    desk: World, reason: str, code: str, advice: str
) -> None:
    box = add_webhook(desk)
    desk.cloud.faults.end_launch(reason)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=4)
    assert reason in instance.reason.message
    assert advice in instance.reason.message
    assert box.list_types() == [code]
    desk.pass_minutes(3)
    assert desk.load(instance).phase is Phase.FAILED, "the ended EC2 instance is not taken for a new one"
    assert desk.cloud.calls["ec2:RunInstances"] == 1


def test_start_that_ends_says_why(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.cloud.faults.end_launch("Client.InternalError", "StartInstances", times=20)
    desk.application.instances.start(ADA, instance.id)
    stopped = desk.wait_until(instance, lambda now: now.reason.code == "start_failed", 30, sweep_every=2)
    assert "Client.InternalError: Client error on launch" in stopped.reason.message
    assert "KMS key" in stopped.reason.message
