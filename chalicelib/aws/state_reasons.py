"""Translate the reason that EC2 gives for the stop or end of an instance, with the tables of `errors.py`."""

from typing import TYPE_CHECKING

from chalicelib.aws.errors import NO_CAPACITY_CODES, NOT_FOUND_CODES, QUOTA_CODES
from chalicelib.domain.common.untrusted_text import clean_line, strip_to_line
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

CAUSES = {
    "Client.UserInitiatedShutdown": EndCause.CALL,
    "Client.InstanceInitiatedShutdown": EndCause.OTHER_REQUEST,
    "Client.InstanceTerminated": EndCause.OTHER_REQUEST,
    "Client.UserInitiatedHibernate": EndCause.OTHER_REQUEST,
    "Server.ScheduledStop": EndCause.OTHER_REQUEST,
    "Client.InternalError": EndCause.KMS_KEY,
    "Server.InternalError": EndCause.ZONE,
    "Server.SpotInstanceShutdown": EndCause.SPOT,
    "Server.SpotInstanceTermination": EndCause.SPOT,
}
"""Causes of the codes that only a state reason has.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
"""

KMS_CODE_PREFIX = "InvalidKMSKey."


def read_state_reason(instance: "InstanceTypeDef") -> StateReason | None:
    """Return why an instance stopped or ended. While it is pending, EC2 gives `pending` as the reason."""
    reason, transition = instance.get("StateReason", {}), instance.get("StateTransitionReason", "")
    if instance["State"]["Name"] in (Ec2State.PENDING, Ec2State.RUNNING) or not (reason.get("Code") or transition):
        return None
    code = strip_to_line(reason.get("Code") or transition.partition(":")[0])
    return StateReason(
        code=code,
        cause=find_cause(code),
        message=clean_line(reason.get("Message", "")),
        transition=clean_line(transition),
    )


def find_cause(code: str) -> EndCause:
    """Return the cause of a code such as Client.VolumeLimitExceeded. Behind the side it has the code of an error."""
    if code in CAUSES:
        return CAUSES[code]
    error_code = code.partition(".")[2]
    if error_code in NO_CAPACITY_CODES:
        return EndCause.ZONE
    if error_code in QUOTA_CODES:
        return EndCause.QUOTA
    if error_code.startswith(KMS_CODE_PREFIX):
        return EndCause.KMS_KEY
    is_snapshot = error_code in NOT_FOUND_CODES and error_code.startswith("InvalidSnapshot.")
    return EndCause.SNAPSHOT if is_snapshot else EndCause.UNKNOWN
