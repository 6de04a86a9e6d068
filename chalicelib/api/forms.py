"""What requests may say. Each field's description ends the sentence "must be ..." (see `explain.py`).

Types and shapes are checked here; what exists, what it costs and what this desk allows is for the domain (`asks.py`).
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chalicelib.domain.activity.policy import SIGNALS
from chalicelib.domain.policies import PolicyAsk

OWNER = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"

Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}(-[a-z]{2,12}){1,2}-[0-9]{1,2}$")]
TagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ .:/=+@-]{1,128}$")]

LARGEST_PARAMETER = 10**15
LONGEST_PARAMETER = 500
PARAMETERS_WORDS = (
    "names and values of a recipe's parameters (GET /recipes lists them): texts of at most 500 characters, whole "
    'numbers, true or false, e.g. {"release": "1.0.3"}'
)
TAG_EXAMPLE = 'pairs of texts such as {"team": "vision"}'
OWNER_WORDS = "a person's name: 1 to 64 letters, digits and . _ @ + -"


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("null")
    return value


NotNull = BeforeValidator(_not_null)
"""For what may be left out, but not be emptied."""


def _parameter(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST_PARAMETER):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_PARAMETER:
        return value
    raise ValueError("no parameter")


ParameterValue = Annotated[
    Any,
    BeforeValidator(_parameter),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}),
]
"""What exactly it may be is the recipe's to say."""


class Form(BaseModel):
    """Nothing is guessed: "64" is no number, and a field that we do not know is a mistake."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Nothing(Form):
    """A request that has nothing to say."""


class ThresholdsForm(Form):
    """From where on a figure is work: of any GPU, of one core over all cores, of any disk, of any interface."""

    gpu_percent: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=100, description="a whole number of percent from 1 to 100, e.g. 5"
    )
    cpu_core_percent: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=100_000, description="a whole number of percent of one core from 1 to 100000, e.g. 25"
    )
    disk_kib_per_second: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=10_000_000, description="a whole number of KiB a second from 1 to 10000000, e.g. 1024"
    )
    network_kib_per_second: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=10_000_000, description="a whole number of KiB a second from 1 to 10000000, e.g. 100"
    )


SIGNAL_NAMES = ", ".join(SIGNALS)


class IdlePolicyForm(Form):
    """After `idle_minutes` without activity in any of `signals` a warning, `warning_minutes` later the stop."""

    idle_minutes: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=10080, description="a whole number of minutes from 3 (three samples) to 10080, e.g. 30"
    )
    warning_minutes: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=1440, description="a whole number of minutes from 1 to 1440, e.g. 10"
    )
    signals: Annotated[list[str] | None, NotNull] = Field(
        None, min_length=1, max_length=20, description=f"a list of some of {SIGNAL_NAMES}"
    )
    thresholds: Annotated[ThresholdsForm | None, NotNull] = Field(
        None, description='an object such as {"gpu_percent": 5, "cpu_core_percent": 25}'
    )

    def ask(self, max_hours: int | None) -> PolicyAsk:
        """As the domain has it."""
        return PolicyAsk(
            idle_minutes=self.idle_minutes,
            warning_minutes=self.warning_minutes,
            signals=tuple(self.signals) if self.signals is not None else None,
            thresholds=self.thresholds.model_dump(exclude_none=True) if self.thresholds else {},
            max_hours=max_hours,
        )


class LaunchForm(Form):
    """What is wanted; all of it optional but `gpu` or `instance_type`."""

    gpu: str | None = Field(None, min_length=1, max_length=60, description="the name of a GPU, e.g. T4")
    gpu_count: int | None = Field(None, ge=1, le=64, description="a whole number of GPUs from 1 to 64, e.g. 1")
    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.xlarge"
    )
    region: str | None = Field(None, min_length=1, max_length=40, description="an AWS region, e.g. us-east-1")
    market: str | None = Field(None, max_length=40, description="on-demand")
    recipe: str | None = Field(
        None, min_length=1, max_length=60, description="the name of a recipe of GET /recipes, e.g. jupyter"
    )
    parameters: dict[str, ParameterValue] | None = Field(None, max_length=40, description=PARAMETERS_WORDS)
    image: str | None = Field(
        None, min_length=1, max_length=60, description='the id or name of an image of GET /images, or "latest"'
    )
    disk_gib: int | None = Field(None, ge=1, le=65536, description="a whole number of GiB from 1 to 65536, e.g. 64")
    name: str | None = Field(None, description="a text such as brave-otter")
    owner: str | None = Field(None, pattern=OWNER, description=OWNER_WORDS)
    project: str | None = Field(None, description="a text such as vision")
    tags: dict[str, str] | None = Field(None, description=TAG_EXAMPLE)
    idle_policy: IdlePolicyForm | None = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: int | None = Field(None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 12")


class SetupForm(Form):
    """A recipe to run again, or to add."""

    recipe: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="a recipe of GET /recipes; left out: the one that failed, or else that of the launch",
    )
    parameters: dict[str, ParameterValue] | None = Field(None, max_length=40, description=PARAMETERS_WORDS)


class AmendForm(Form):
    """The part of a spec that can change while an instance lives; what is left out stays."""

    idle_policy: Annotated[IdlePolicyForm | None, NotNull] = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 12"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty", "say what to change: idle_policy, max_hours or both")
        return self


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("no text")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as problem:
        raise ValueError("beyond the calendar") from problem


class KeepForm(Form):
    """How long to leave it running: one of the two."""

    hours: float | None = Field(
        None, gt=0, le=8760, allow_inf_nan=False, description="a number of hours, more than 0 and at most 8760, e.g. 4"
    )
    until: Annotated[datetime, BeforeValidator(_moment)] | None = Field(
        None, description="a time with its zone, e.g. 2026-11-23T18:00:00Z"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.hours is None) == (self.until is None):
            raise PydanticCustomError("one_of", "say for how many hours or until when: either hours or until")
        return self


class SessionForm(Form):
    """What the session is for."""

    kind: Literal["shell", "port", "jupyter", "jupyter_token", "ssh"] = Field(
        description="shell, port, jupyter, jupyter_token or ssh"
    )
    port: int | None = Field(
        None, ge=1, le=65535, description="a port on the instance, from 1 to 65535; with kind port only"
    )
    local_port: int | None = Field(
        None, ge=1, le=65535, description="a port on the laptop, from 1 to 65535; the same, or 8889 for Jupyter"
    )
    public_key: str | None = Field(
        None, min_length=1, max_length=4400, description="the line of a .pub file; with kind ssh, and needed there"
    )

    @model_validator(mode="after")
    def _port_has_a_use(self) -> Self:
        if self.port is not None and self.kind != "port":
            raise PydanticCustomError("port", "port goes with kind port only")
        if self.local_port is not None and self.kind not in ("port", "jupyter"):
            raise PydanticCustomError("port", "local_port goes with kind port and kind jupyter")
        if self.public_key is not None and self.kind != "ssh":
            raise PydanticCustomError("public_key", "public_key goes with kind ssh only")
        return self


class ImageForm(Form):
    """What to call it, and whether the instance may go on while it is made."""

    name: str = Field(description="a text such as vision-2030")
    description: str = Field(
        "", max_length=200, pattern=r"^[ -~]*$", description="a text of at most 200 printable ASCII characters"
    )
    no_reboot: bool = Field(
        False, description="true or false: without a reboot nothing ends, but the file system may be inconsistent"
    )


class BenchmarkForm(Form):
    """How to measure."""

    seconds: int | None = Field(
        None, ge=1, le=20, description="a whole number of seconds that each figure takes, from 1 to 20, e.g. 2"
    )


class DefaultsForm(Form):
    """What a request gets that does not say."""

    region: Annotated[str | None, NotNull] = Field(None, description="an AWS region, e.g. us-east-1")
    recipe: Annotated[str | None, NotNull] = Field(None, description="the name of a recipe, e.g. jupyter")
    disk_gib: Annotated[int | None, NotNull] = Field(
        None, ge=8, le=65536, description="a whole number of GiB from 8 to 65536, e.g. 64"
    )
    idle_policy: Annotated[IdlePolicyForm | None, NotNull] = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 12"
    )


class ChannelsForm(Form):
    """Where somebody is told; null takes one away."""

    email: str | None = Field(
        None, max_length=254, description="an e-mail address such as ada@example.org, or null for none"
    )
    webhook: str | None = Field(
        None, max_length=500, description="a URL such as https://hooks.example.org/gpu, or null for none"
    )


class OwnerForm(Form):
    """What to change of what is set for an owner; what is left out stays, null is the desk's again."""

    idle_policy: IdlePolicyForm | None = Field(
        None, description='an object such as {"idle_minutes": 30}, or null for the desk\'s'
    )
    max_hours: int | None = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, or null for the desk's"
    )
    channels: Annotated[ChannelsForm | None, NotNull] = Field(
        None, description='an object such as {"email": "ada@example.org"}'
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty", "say what to change: idle_policy, max_hours or channels")
        return self


class CeilingsForm(Form):
    """What nobody may exceed."""

    idle_minutes: Annotated[int | None, NotNull] = Field(
        None, ge=5, le=10080, description="a whole number of minutes from 5 to 10080, e.g. 240"
    )
    warning_minutes: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=1440, description="a whole number of minutes from 1 to 1440, e.g. 60"
    )
    max_hours: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 72"
    )
    keep_hours: Annotated[int | None, NotNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 72"
    )
    disk_gib: Annotated[int | None, NotNull] = Field(
        None, ge=8, le=65536, description="a whole number of GiB from 8 to 65536, e.g. 2048"
    )
    gpu_count: Annotated[int | None, NotNull] = Field(
        None, ge=0, le=64, description="a whole number of GPUs from 0 to 64, e.g. 16"
    )
    instances_per_owner: Annotated[int | None, NotNull] = Field(
        None, ge=0, le=1000, description="a whole number from 0 to 1000, e.g. 10"
    )
    required_tags: Annotated[list[TagKey] | None, NotNull] = Field(
        None, max_length=20, description='a list of at most 20 tag keys, e.g. ["project"]'
    )
    regions: Annotated[list[Region] | None, NotNull] = Field(
        None, max_length=60, description='a list of AWS regions, e.g. ["us-east-1"]; an empty one allows all'
    )
    signals: Annotated[list[str] | None, NotNull] = Field(
        None, min_length=1, max_length=20, description=f"a list of one or more of {SIGNAL_NAMES}"
    )
    lowest_thresholds: Annotated[ThresholdsForm | None, NotNull] = Field(
        None, description='an object such as {"cpu_core_percent": 10}'
    )


class DeskForm(Form):
    """What to change of the desk; what is left out stays."""

    mode: Annotated[Literal["act", "tell", "hold"] | None, NotNull] = Field(None, description="act, tell or hold")
    defaults: Annotated[DefaultsForm | None, NotNull] = Field(
        None, description='an object such as {"region": "us-east-1"}'
    )
    ceilings: Annotated[CeilingsForm | None, NotNull] = Field(None, description='an object such as {"max_hours": 72}')
    channels: Annotated[ChannelsForm | None, NotNull] = Field(
        None, description='an object such as {"webhook": "https://hooks.example.org/gpu"}'
    )
    logs_group: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_./#-]{1,512}$",
        description="a group of CloudWatch Logs (letters, digits and _ . / # -), such as /gpudesk/setup; or null",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty", "say what to change: mode, defaults, ceilings, channels or logs_group")
        return self


def _whole(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("no whole number")
    return int(value)


def _day(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("no day")
    return date.fromisoformat(value)


class Asking(Form):
    """Every query may name the owner for whom an admin or a bot asks."""

    owner: str | None = Field(None, pattern=OWNER, description=OWNER_WORDS)


class Listing(Asking):
    """Some of a list."""

    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        50, ge=1, le=100, description="a whole number from 1 to 100, e.g. 50"
    )
    cursor: str | None = Field(
        None, min_length=1, max_length=1000, description="the next_cursor of an earlier answer to the same list"
    )


class BenchmarkListing(Listing):
    """Which measurements: of one instance type, of one GPU."""

    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.xlarge"
    )
    gpu: str | None = Field(None, min_length=1, max_length=60, description="the name of a GPU, e.g. T4")


FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2099, 12, 31)
DAY_WORDS = "a day from 2020 on, as YYYY-MM-DD, e.g. 2026-11-23"


class CostListing(Listing):
    """Which days; both are included."""

    since: Annotated[date, BeforeValidator(_day)] | None = Field(None, ge=FIRST_DAY, le=LAST_DAY, description=DAY_WORDS)
    until: Annotated[date, BeforeValidator(_day)] | None = Field(None, ge=FIRST_DAY, le=LAST_DAY, description=DAY_WORDS)
