"""An instance: launched, set up, changed, kept, entered, copied, measured."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.common_schemas import OWNER, OWNER_DESCRIPTION, RejectNull, RequestModel
from chalicelib.api.forms.policy import IdlePolicyBody
from chalicelib.domain.launch.request import LaunchRequest

MAX_PARAMETER_VALUE = 10**15
MAX_PARAMETER_LENGTH = 500
PARAMETERS_DESCRIPTION = (
    "names and values of a recipe's parameters (GET /recipes lists them): texts of at most 500 characters, whole "
    'numbers, true or false, e.g. {"torch_build": "cpu"}'
)
TAG_EXAMPLE = 'pairs of texts such as {"team": "vision"}'


def _parameter(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) <= MAX_PARAMETER_VALUE):
        return value
    if isinstance(value, str) and len(value) <= MAX_PARAMETER_LENGTH:
        return value
    raise ValueError("no parameter")


ParameterInput = Annotated[
    Any,
    BeforeValidator(_parameter),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}),
]
"""What exactly it may be is the recipe's to say."""


class LaunchBody(RequestModel):
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
    parameters: dict[str, ParameterInput] | None = Field(None, max_length=40, description=PARAMETERS_DESCRIPTION)
    image: str | None = Field(
        None, min_length=1, max_length=60, description='the id or name of an image of GET /images, or "latest"'
    )
    disk_gib: int | None = Field(None, ge=1, le=65536, description="a whole number of GiB from 1 to 65536, e.g. 64")
    name: str | None = Field(None, description="a text such as brave-otter")
    owner: str | None = Field(None, pattern=OWNER, description=OWNER_DESCRIPTION)
    project: str | None = Field(None, description="a text such as vision")
    tags: dict[str, str] | None = Field(None, description=TAG_EXAMPLE)
    idle_policy: IdlePolicyBody | None = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: int | None = Field(None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 12")

    def to_request(self) -> LaunchRequest:
        """Return the launch request. Each field has the same name there, except those of the policy."""
        fields = self.model_dump(exclude={"owner", "idle_policy", "max_hours"}, exclude_none=True)
        policy = (self.idle_policy or IdlePolicyBody()).to_override(self.max_hours)
        return LaunchRequest(**fields, policy=policy)


class SetupBody(RequestModel):
    """A recipe to run again, or to add."""

    recipe: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="a recipe of GET /recipes; left out: the one that failed, or else that of the launch",
    )
    parameters: dict[str, ParameterInput] | None = Field(None, max_length=40, description=PARAMETERS_DESCRIPTION)


class UpdateInstanceBody(RequestModel):
    """The part of a spec that can change while an instance lives; what is left out stays."""

    idle_policy: Annotated[IdlePolicyBody | None, RejectNull] = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 12"
    )

    @model_validator(mode="after")
    def _require_some_field(self) -> Self:
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


class KeepBody(RequestModel):
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


class SessionBody(RequestModel):
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
    def _check_port_usage(self) -> Self:
        if self.port is not None and self.kind != "port":
            raise PydanticCustomError("port", "port goes with kind port only")
        if self.local_port is not None and self.kind not in ("port", "jupyter"):
            raise PydanticCustomError("port", "local_port goes with kind port and kind jupyter")
        if self.public_key is not None and self.kind != "ssh":
            raise PydanticCustomError("public_key", "public_key goes with kind ssh only")
        return self


class ImageBody(RequestModel):
    """What to call it, and whether the instance may go on while it is made."""

    name: str = Field(description="a text such as vision-2030")
    description: str = Field(
        "", max_length=200, pattern=r"^[ -~]*$", description="a text of at most 200 printable ASCII characters"
    )
    no_reboot: bool = Field(
        False, description="true or false: without a reboot nothing ends, but the file system may be inconsistent"
    )


class BenchmarkBody(RequestModel):
    """How to measure."""

    seconds: int | None = Field(
        None, ge=1, le=20, description="a whole number of seconds that each figure takes, from 1 to 20, e.g. 2"
    )
