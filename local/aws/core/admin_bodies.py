"""Request bodies of the admin API. Like those of gpudesk, they are strict, and an error names the accepted values."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.common_schemas import RequestModel, Time
from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.common.regions import REGION_PATTERN
from chalicelib.domain.common.text import join_or
from chalicelib.store.data_files import load_catalog
from local.aws.core.faults import THROTTLED_REASONS
from local.aws.core.operations import CHANNEL_OPERATIONS, FAULTY_SERVICES, require_operation
from local.aws.ec2.scheduled_events import DESCRIPTIONS
from local.aws.ec2.tracked_instance import FAILED_STARTS
from local.options import MAX_SPEED

ACKNOWLEDGED_OPERATIONS = ("StopInstances", "StartInstances", "TerminateInstances")
CONFLICTING_OPERATIONS = ("TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem")
STARTING_OPERATIONS = ("RunInstances", "StartInstances")
COMMAND_KINDS = ("undeliverable", "terminated", "snap_refresh")
OPERATIONS_OF_KIND = {
    "acknowledge_only": ACKNOWLEDGED_OPERATIONS,
    "conflict": CONFLICTING_OPERATIONS,
    "end_launch": STARTING_OPERATIONS,
    **dict.fromkeys(COMMAND_KINDS, ("SendCommand",)),
    "cancel": ("TransactWriteItems",),
    "close_channels": CHANNEL_OPERATIONS,
}
"""Operations that can have a fault of this kind. Every operation can have the others."""

FAULT_KINDS = ("drop_response", "hang", *OPERATIONS_OF_KIND)

TIME_DESCRIPTION = "an ISO 8601 time with a zone, e.g. 2030-01-05T09:00:00Z"


def _check_instance_type(name: str) -> str:
    if name not in load_catalog().types:
        raise ValueError("unknown instance type")
    return name


class ClockBody(RequestModel):
    """A jump of the clock, or its new speed."""

    advance_seconds: float = Field(0, ge=0, le=10**9, description="a number of seconds from 0 to 1000000000, e.g. 3600")
    speed: float | None = Field(
        None,
        gt=0,
        le=MAX_SPEED,
        description=f"a number of cloud seconds per second, more than 0 and at most {MAX_SPEED:g}",
    )


class FaultBody(RequestModel):
    """A fault of the next calls of an operation: an error code, or a kind."""

    operation: Annotated[str, AfterValidator(require_operation)] = Field(
        description=f"an operation of {', '.join(FAULTY_SERVICES)}, e.g. RunInstances"
    )
    error_code: str = Field("", max_length=100, description="an error code of AWS, e.g. InsufficientInstanceCapacity")
    message: str = Field("", max_length=1000, description="a text of at most 1000 characters")
    status: int | None = Field(None, ge=400, le=599, description="an HTTP status from 400 to 599, e.g. 500")
    times: int = Field(1, ge=1, le=1000, description="a whole number from 1 to 1000, e.g. 2")
    kind: Literal[FAULT_KINDS] | None = Field(  # type: ignore[valid-type]
        None, description=join_or(FAULT_KINDS)
    )
    state_reason: Literal[tuple(FAILED_STARTS)] | None = Field(  # type: ignore[valid-type]
        None, description=f"one of {', '.join(FAILED_STARTS)}"
    )
    reason: Literal["ThrottlingError", "ProvisionedThroughputExceeded"] | None = Field(
        None, description=f"{join_or(THROTTLED_REASONS)}, with kind cancel only"
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if bool(self.kind) == bool(self.error_code):
            raise PydanticCustomError("fault", "must have exactly one of error_code and kind")
        if (self.kind == "end_launch") != (self.state_reason is not None):
            raise PydanticCustomError("state_reason", "must have state_reason if, and only if, kind is end_launch")
        if (self.kind == "cancel") != (self.reason is not None):
            raise PydanticCustomError("reason", "must have a reason if kind is cancel, and only then")
        operations = OPERATIONS_OF_KIND.get(self.kind or "")
        if operations and self.operation not in operations:
            text = f"must have one of {', '.join(operations)} as operation if kind is {self.kind}"
            raise PydanticCustomError("operation", "{text}", {"text": text})
        return self


class CapacityBody(RequestModel):
    """The free capacity for a type in a zone."""

    instance_type: Annotated[str, AfterValidator(_check_instance_type)] = Field(
        description="an instance type of the catalog, e.g. g4dn.xlarge"
    )
    zone: str = Field(pattern=rf"^{REGION_PATTERN}[a-z]$", description="an availability zone, e.g. us-east-1a")
    instances: int | None = Field(
        None, ge=0, le=10_000, description="a whole number from 0 to 10000, or null for no limit"
    )


class ActivityBody(RequestModel):
    """The utilization of the GPUs of an instance."""

    gpu_utilization: list[Annotated[int, Field(ge=0, le=100)]] = Field(
        max_length=64, description="a list of percentages from 0 to 100, one per GPU, e.g. [97]"
    )


class AgentBody(RequestModel):
    """Silence of the SSM agent of an instance."""

    silent: bool = Field(description="true or false")


class EventBody(RequestModel):
    """An event that AWS announces for an instance."""

    code: Literal["instance-retirement", "instance-stop", "instance-reboot", "system-reboot", "system-maintenance"] = (
        Field(description=f"one of {', '.join(DESCRIPTIONS)}")
    )
    not_before: Time = Field(description=TIME_DESCRIPTION)
    not_after: Time | None = Field(None, description=TIME_DESCRIPTION)


def describe_problems(error: ValidationFailed) -> str:
    """Return the invalid fields of a body in one line."""
    return " ".join(
        f"{'The body' if wrong.field == 'body' else wrong.field} {wrong.message.rstrip('.')}." for wrong in error.errors
    )
