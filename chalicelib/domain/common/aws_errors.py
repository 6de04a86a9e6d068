"""Define what calls of AWS fail with. `aws/errors.py` translates the errors of the SDK to these.

AwsError                        a call of AWS failed; the control loop decides what follows
├── TransientAwsError           AWS throttled the call or did not respond: make the same call again
│   └── RegionPending           AWS is still validating the account in the region
├── InsufficientCapacity        the zone has no capacity now: try another zone
│   └── RepeatedRefusal         gpudesk made no call, because EC2 has refused the same a moment ago
├── QuotaExceeded               a quota of the AWS account does not allow the call
├── AwsNotFound                 AWS does not know the id: not yet, or no longer
│   └── AgentNotConnected       Session Manager does not know the SSM agent of the instance
└── PermanentAwsError           the same call never succeeds
    ├── AwsForbidden            a permission of gpudesk is missing
    ├── AwsDuplicate            what the call creates exists already
    ├── RegionNotEnabled        the account has not opted in to the service in the region
    └── PrerequisiteMissing     gpudesk made no call, because something that it needs is missing in AWS
"""

from chalicelib.domain.common.errors import DeskError
from chalicelib.domain.common.untrusted_text import clean_line


class AwsError(DeskError):
    """AWS rejected a call or did not respond, or gpudesk could not make the call.

    :param code: the error code of AWS, or gpudesk's own if AWS did not respond or was not called
    """

    def __init__(self, code: str, message: str) -> None:
        """Store the code and the message of AWS, cleaned and without the code that some messages begin with."""
        code, message = clean_line(code), clean_line(message).removeprefix(f"{code}: ")
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def description(self) -> str:
        """Return the message and the code of AWS as one or more sentences."""
        return f"{self.message[:1].upper()}{self.message[1:].rstrip('. ')} ({self.code})."


class TransientAwsError(AwsError):
    """AWS throttled the call or did not respond. The same call may succeed later; this one may have had an effect."""


class RegionPending(TransientAwsError):
    """AWS is still validating the account in the region, which takes minutes and at most four hours."""


class InsufficientCapacity(AwsError):
    """AWS has no capacity for this instance type in this zone now."""


class RepeatedRefusal(InsufficientCapacity):
    """EC2 has refused this type in this zone in the same sweep, so gpudesk did not make the call."""


class QuotaExceeded(AwsError):
    """A quota of the AWS account does not allow the call."""


class AwsNotFound(AwsError):
    """AWS does not know the id, not yet or no longer."""


class AgentNotConnected(AwsNotFound):
    """Session Manager does not know the SSM agent of the instance, not yet or no longer."""


class PermanentAwsError(AwsError):
    """AWS never accepts the call: a permission is missing, a parameter is wrong, or a type is not offered."""


class AwsForbidden(PermanentAwsError):
    """A permission of gpudesk itself is missing."""


class AwsDuplicate(PermanentAwsError):
    """The thing that the call creates exists already: an earlier call of gpudesk may have created it."""


class RegionNotEnabled(PermanentAwsError):
    """The account has not opted in to the service in the region."""


class PrerequisiteMissing(PermanentAwsError):
    """gpudesk did not make a call, because something that it needs is missing: a security group, a subnet, an AMI.

    :param message: one or more sentences
    """

    def __init__(self, message: str) -> None:
        super().__init__("PrerequisiteMissing", message)

    @property
    def description(self) -> str:
        """Return the message as one or more sentences, without a code."""
        return f"{self.message.rstrip('. ')}."
