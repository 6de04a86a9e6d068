"""Request bodies of the admin API. Like those of gpudesk, they are strict, and an error names the accepted values."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.request_models import RequestModel, Time
from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.common.text import join_or
from chalicelib.store.data_files import load_catalog
from local.aws.core.operations import CHANNEL_OPERATIONS, FAULTY_SERVICES, require_operation
from local.aws.dynamodb.write_errors import THROTTLED_REASONS
from local.aws.ec2.scheduled_events import DESCRIPTIONS
from local.aws.ec2.tracked_instance import FAILED_STARTS
from local.aws.quotas.quota_requests import STATES
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
    if name not in load_catalog().types and name not in INSTANCE_TYPES:
        raise ValueError("unknown instance type")
    return name


def _check_zone(name: str) -> str:
    if not any(zone.name == name for zones in RegionsAndZonesBackend.zones.values() for zone in zones):
        raise ValueError("unknown zone")
    return name


def _check_region(name: str) -> str:
    if name not in RegionsAndZonesBackend.zones:
        raise ValueError("unknown region")
    return name


class AdminBody(RequestModel):
    """The base of all bodies. No document lists their fields, so an error names all of them."""

    documentation: ClassVar[str] = ""


class EmptyBody(AdminBody):
    """No fields."""


class ClockBody(AdminBody):
    """A jump of the clock, or its new speed."""

    advance_seconds: float = Field(0, ge=0, le=10**9, description="a number of seconds from 0 to 1000000000, e.g. 3600")
    speed: float | None = Field(
        None,
        gt=0,
        le=MAX_SPEED,
        description=f"a number of cloud seconds per second, more than 0 and at most {MAX_SPEED:g}",
    )


class FaultBody(AdminBody):
    """A fault of the next calls of an operation: an error code, or a kind."""

    operation: Annotated[str, AfterValidator(require_operation)] = Field(
        description=f"an operation of {', '.join(FAULTY_SERVICES)}, e.g. RunInstances"
    )
    error_code: str = Field(
        "",
        max_length=100,
        pattern=r"^([A-Za-z0-9]+(\.[A-Za-z0-9]+)*)?$",
        description="an error code of AWS (letters, digits and periods), e.g. InsufficientInstanceCapacity",
    )
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
        problems = list(self._list_problems())
        if problems:
            raise PydanticCustomError("fault", "{text}", {"text": "; ".join(problems)})
        return self

    def _list_problems(self) -> Iterator[str]:
        """Find the fields that contradict each other."""
        if bool(self.kind) == bool(self.error_code):
            yield "must have exactly one of error_code and kind"
        if (self.kind == "end_launch") != (self.state_reason is not None):
            yield "must have state_reason if, and only if, kind is end_launch"
        if (self.kind == "cancel") != (self.reason is not None):
            yield f"must have reason ({join_or(tuple(THROTTLED_REASONS))}) if, and only if, kind is cancel"
        if self.kind and not self.error_code:
            given = [name for name in ("message", "status") if name in self.model_fields_set]
            if given:
                yield f"must have {' and '.join(given)} only with error_code"
        if self.kind == "close_channels" and "times" in self.model_fields_set:
            yield "must have no times if kind is close_channels, which closes all channels at once"
        operations = OPERATIONS_OF_KIND.get(self.kind or "")
        if operations and self.operation not in operations:
            yield f"must have one of {', '.join(operations)} as operation if kind is {self.kind}"


class TypeInZoneBody(AdminBody):
    """A type in a zone."""

    instance_type: Annotated[str, AfterValidator(_check_instance_type)] = Field(
        description="an instance type of the catalog, e.g. g4dn.xlarge"
    )
    zone: Annotated[str, AfterValidator(_check_zone)] = Field(
        description="an availability zone of EC2, e.g. us-east-1a (us-east-1 has a to f)"
    )


class SpotPriceBody(TypeInZoneBody):
    """The spot price of a type in a zone, from now on."""

    usd_per_hour: str = Field(
        pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$", description='a number of US dollars as text, e.g. "0.31"'
    )


class NewTypeBody(AdminBody):
    """An instance type that AWS adds."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}$", description="a name such as g9.xlarge")
    like: Annotated[str, AfterValidator(_check_instance_type)] = Field(
        description="the type of the catalog whose properties and zones it has, e.g. g5.xlarge"
    )
    gpu: str = Field("", max_length=50, description="the name of its GPU in EC2, e.g. L9")
    usd_per_hour: str = Field(
        pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$", description='a number of US dollars as text, e.g. "0.9"'
    )


class CapacityBody(TypeInZoneBody):
    """The free capacity for a type in a zone."""

    instances: int | None = Field(
        None, ge=0, le=10_000, description="a whole number from 0 to 10000, or null for no limit"
    )
    market: Literal["on-demand", "spot"] = Field("on-demand", description="on-demand or spot")


class InterruptionBody(AdminBody):
    """An interruption of a spot instance, two minutes later."""

    is_announced: bool = Field(True, description="true or false: EventBridge gets the warning")
    wins_over_stop: bool = Field(
        False, description="true or false: if the instance is stopped meanwhile, it still counts as interrupted"
    )
    returns_after_seconds: float | None = Field(
        None, ge=0, le=10**9, description="a number of seconds from 0 to 1000000000, or null: it never returns"
    )


class QuotaBody(AdminBody):
    """The limit of a quota in a region, from now on."""

    region: Annotated[str, AfterValidator(_check_region)] = Field(description="a region of EC2, e.g. us-east-1")
    code: Literal[tuple(NAMES)] = Field(description=f"one of {', '.join(NAMES)}")  # type: ignore[valid-type]
    vcpus: int = Field(ge=0, le=1_000_000, description="a whole number of vCPUs from 0 to 1000000, e.g. 8")


class QuotaRequestBody(AdminBody):
    """The state of a request to increase a quota."""

    status: Literal[STATES] = Field(description=join_or(STATES))  # type: ignore[valid-type]


class ActivityBody(AdminBody):
    """The utilization of the GPUs of an instance."""

    gpu_utilization: list[Annotated[int, Field(ge=0, le=100)]] = Field(
        max_length=64, description="a list of percentages from 0 to 100, one per GPU, e.g. [97]"
    )


class AgentBody(AdminBody):
    """Silence of the SSM agent of an instance."""

    silent: bool = Field(description="true or false")


class EventBody(AdminBody):
    """An event that AWS announces for an instance."""

    code: Literal["instance-retirement", "instance-stop", "instance-reboot", "system-reboot", "system-maintenance"] = (
        Field(description=f"one of {', '.join(DESCRIPTIONS)}")
    )
    not_before: Time = Field(description=TIME_DESCRIPTION)
    not_after: Time | None = Field(None, description=TIME_DESCRIPTION)


def describe_problems(error: ValidationFailed) -> str:
    """Return the invalid fields of a body in one line."""
    return " ".join(
        f"{'The body' if wrong.field == 'body' else wrong.field} {_add_verb(wrong.message.rstrip('.'))}."
        for wrong in error.errors
    )


def _add_verb(message: str) -> str:
    """Return a message as the rest of a sentence about its field."""
    return f"is an {message}" if message.startswith("unknown field") else message
