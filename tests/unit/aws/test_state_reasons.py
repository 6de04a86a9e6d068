"""Codes of EC2's state reasons, translated to what gpudesk does about them."""

from typing import Any

import pytest

from chalicelib.aws.state_reasons import read_state_reason
from chalicelib.domain.instances.ec2_instance import EndCause
from local.aws.ec2.tracked_instance import FAILED_STARTS


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("Client.UserInitiatedShutdown", EndCause.CALL),
        ("Client.InstanceInitiatedShutdown", EndCause.OTHER_REQUEST),
        ("Server.ScheduledStop", EndCause.OTHER_REQUEST),
        ("Server.InsufficientInstanceCapacity", EndCause.ZONE),
        ("Server.InsufficientVolumeCapacity", EndCause.ZONE),
        ("Client.Unsupported", EndCause.ZONE),
        ("Server.InternalError", EndCause.ZONE),
        ("Client.InternalError", EndCause.KMS_KEY),
        ("Client.InvalidKMSKey.InvalidState", EndCause.KMS_KEY),
        ("Client.VolumeLimitExceeded", EndCause.QUOTA),
        ("Client.InvalidSnapshot.NotFound", EndCause.SNAPSHOT),
        ("Client.SomethingNew", EndCause.UNKNOWN),
    ],
)
def test_code_of_a_state_reason_has_its_cause(code: str, cause: EndCause) -> None:
    assert read(code) is cause


@pytest.mark.parametrize("code", FAILED_STARTS)
def test_each_failed_start_of_the_local_cloud_has_a_cause(code: str) -> None:
    assert read(code) not in (EndCause.UNKNOWN, EndCause.CALL, EndCause.OTHER_REQUEST)


def read(code: str) -> EndCause:
    instance: Any = {"State": {"Name": "terminated"}, "StateReason": {"Code": code, "Message": "No."}}
    reason = read_state_reason(instance)
    assert reason is not None
    return reason.cause
