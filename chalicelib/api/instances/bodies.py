"""Bodies of requests that launch, set up, update and keep instances."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.code_schemas import MARKETS
from chalicelib.api.policy_schemas import HookPath, IdlePolicyBody
from chalicelib.api.request_models import OWNER_DESCRIPTION, OWNER_PATTERN, Dollars, RejectNull, RequestModel, Time
from chalicelib.domain.common.text import join_or
from chalicelib.domain.desk.hook_path import HOOK_DESCRIPTION
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.instances.names import NAME_DESCRIPTION
from chalicelib.domain.instances.wait_until import WAIT_UNTIL_DESCRIPTION
from chalicelib.domain.launch.field_checks import MAX_PROJECT_LENGTH, TAG_CHARACTERS
from chalicelib.domain.launch.request import LaunchRequest

MAX_PARAMETER_VALUE = 10**15
MAX_PARAMETER_LENGTH = 500
PARAMETERS_DESCRIPTION = (
    "an object of recipe parameters (GET /recipes lists them): texts of at most 500 characters, whole numbers, "
    'true or false, e.g. {"torch_build": "cpu"}'
)
MAX_PRICE_DESCRIPTION = 'the highest price in US dollars per hour, as text with at most 6 decimal places, e.g. "1.25"'
TAGS_DESCRIPTION = 'an object of texts such as {"team": "vision"}'


def _check_parameter(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) <= MAX_PARAMETER_VALUE):
        return value
    if isinstance(value, str) and len(value) <= MAX_PARAMETER_LENGTH:
        return value
    raise ValueError("not a parameter value")


ParameterInput = Annotated[
    Any,
    BeforeValidator(_check_parameter),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}),
]
"""Any value that a parameter of some recipe can have. The pattern of the recipe is checked later."""


class LaunchBody(RequestModel):
    """The instance to launch. `gpu` or `instance_type` is required.

    Fields that are left out get the defaults of the owner or the desk; a missing `name` is generated. `image`: the id
    or name of an image, or latest for the newest image that fits. `disk_gib`: the total size of the root disk; default:
    64 GiB more than the public image, or the size of the own image. Without capacity, gpudesk tries other zones, and
    other types and regions if the request names none, for at most `max_price` dollars per hour (default: 1.25 times the
    price of the first offer). `wait_until`: gpudesk tries until then; default: for 15 minutes. `market`:
    spot-or-on-demand launches on-demand if spot has no capacity. `resume_after_interruption`: EC2 starts a spot
    instance again that it has interrupted; otherwise gpudesk stops it at the warning of EC2, and people start it again.
    """

    gpu: str | None = Field(None, min_length=1, max_length=60, description="the name of a GPU, e.g. T4")
    gpu_count: int | None = Field(
        None, ge=1, le=64, description="a whole number of GPUs from 1 to limits.gpu_count of GET /desk, e.g. 1"
    )
    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.xlarge"
    )
    region: str | None = Field(None, min_length=1, max_length=40, description="an AWS region, e.g. us-east-1")
    market: str | None = Field(
        None, max_length=40, description=join_or(MARKETS), json_schema_extra={"enum": [*MARKETS, None]}
    )
    resume_after_interruption: bool | None = Field(None, description="true or false, on spot only; default: false")
    recipe: str | None = Field(
        None, min_length=1, max_length=60, description="the name of a recipe of GET /recipes, e.g. jupyter"
    )
    parameters: dict[str, ParameterInput] | None = Field(None, max_length=40, description=PARAMETERS_DESCRIPTION)
    image: str | None = Field(
        None, min_length=1, max_length=60, description='the id or name of an image of GET /images, or "latest"'
    )
    disk_gib: int | None = Field(
        None, ge=8, le=65536, description="a whole number of GiB from 8 to limits.disk_gib of GET /desk, e.g. 64"
    )
    metadata_hop_limit: int | None = Field(
        None, ge=1, le=2, description="1, or 2 to let containers on the instance use its role; default: 1"
    )
    max_price: Dollars | None = Field(None, description=MAX_PRICE_DESCRIPTION)
    wait_until: Time | None = Field(None, description=WAIT_UNTIL_DESCRIPTION)
    name: str | None = Field(None, description=f"{NAME_DESCRIPTION}, e.g. brave-otter")
    owner: str | None = Field(None, pattern=OWNER_PATTERN, description=OWNER_DESCRIPTION)
    project: str | None = Field(None, description=f"1 to {MAX_PROJECT_LENGTH} {TAG_CHARACTERS}, e.g. vision")
    tags: dict[str, str] | None = Field(None, description=TAGS_DESCRIPTION)
    wait_for_quota: bool | None = Field(
        None, description="true to wait until the quota of EC2 suffices, or false; default: false"
    )
    idle_policy: IdlePolicyBody | None = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: int | None = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to limits.max_hours of GET /desk, e.g. 12"
    )
    before_stop_hook: HookPath | None = Field(None, description=HOOK_DESCRIPTION)

    def to_request(self) -> LaunchRequest:
        """Return the launch request. Its fields have the same names, except those of the policy."""
        fields = self.model_dump(exclude={"owner", "idle_policy", "max_hours", "before_stop_hook"}, exclude_none=True)
        policy = (self.idle_policy or IdlePolicyBody()).to_override(self.max_hours, self.before_stop_hook)
        return LaunchRequest(**fields, policy=policy)


class SetupBody(RequestModel):
    """A recipe to run again or to add. Without `recipe`, the one that failed runs again, or else that of the launch."""

    recipe: str | None = Field(
        None, min_length=1, max_length=60, description="the name of a recipe of GET /recipes, e.g. jupyter"
    )
    parameters: dict[str, ParameterInput] | None = Field(None, max_length=40, description=PARAMETERS_DESCRIPTION)


class UpdateInstanceBody(RequestModel):
    """Changes of the idle policy, the maximum lifetime and the before-stop hook. Fields that are left out stay."""

    idle_policy: Annotated[IdlePolicyBody | None, RejectNull] = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to limits.max_hours of GET /desk, e.g. 12"
    )
    before_stop_hook: HookPath | None = Field(None, description=f"{HOOK_DESCRIPTION}, or null for no hook")

    @model_validator(mode="after")
    def _require_some_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty", "must have at least one of idle_policy, max_hours, before_stop_hook")
        return self

    def to_override(self) -> PolicyOverride:
        """Return the fields to change. A hook of null removes the hook."""
        hook = (self.before_stop_hook or "") if "before_stop_hook" in self.model_fields_set else None
        return (self.idle_policy or IdlePolicyBody()).to_override(self.max_hours, hook)


class StartBody(RequestModel):
    """How to start. `wait_until`: while AWS has no capacity, gpudesk tries until then; default: for 15 minutes.

    `instance_type`: gpudesk changes the type of the stopped instance first. The type must have the same architecture.
    """

    wait_until: Time | None = Field(None, description=WAIT_UNTIL_DESCRIPTION)
    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.2xlarge"
    )


class KeepBody(RequestModel):
    """How long to keep the instance running: either `hours` from now or `until` a time."""

    hours: float | None = Field(
        None,
        gt=0,
        le=8760,
        allow_inf_nan=False,
        description="a number of hours that is more than 0 and at most limits.keep_hours of GET /desk, e.g. 4",
    )
    until: Time | None = Field(None, description="a time with its zone, e.g. 2026-11-23T18:00:00Z")

    @model_validator(mode="after")
    def _require_either_field(self) -> Self:
        if (self.hours is None) == (self.until is None):
            raise PydanticCustomError("one_of", "must have exactly one of hours and until")
        return self
