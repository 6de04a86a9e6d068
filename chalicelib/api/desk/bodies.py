"""Body of PATCH /desk: mode, defaults, limits, channels."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.owners.schemas import ChannelsBody
from chalicelib.api.policy_schemas import SIGNALS_DESCRIPTION, IdlePolicyBody, ThresholdsBody
from chalicelib.api.request_models import RejectNull, RequestModel, UsdText
from chalicelib.domain.common.regions import REGION_PATTERN
from chalicelib.domain.launch.field_checks import MAX_PROJECT_LENGTH

Region = Annotated[str, StringConstraints(pattern=rf"^{REGION_PATTERN}$")]
ProjectName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROJECT_LENGTH)]
TagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ .:/=+@-]{1,128}$")]


class DefaultsBody(RequestModel):
    """The values that apply to fields that a request leaves out."""

    region: Annotated[str | None, RejectNull] = Field(None, description="an AWS region, e.g. us-east-1")
    recipe: Annotated[str | None, RejectNull] = Field(None, description="the name of a recipe, e.g. jupyter")
    disk_gib: int | None = Field(
        None,
        ge=8,
        le=65536,
        description="a whole number of GiB from 8 to limits.disk_gib, e.g. 64, or null: the image and 64",
    )
    idle_policy: Annotated[IdlePolicyBody | None, RejectNull] = Field(
        None, description='an object such as {"idle_minutes": 30, "warning_minutes": 10}'
    )
    max_hours: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to limits.max_hours, e.g. 12"
    )


class LimitsBody(RequestModel):
    """The limits that nobody may exceed."""

    idle_minutes: Annotated[int | None, RejectNull] = Field(
        None, ge=5, le=10080, description="a whole number of minutes from 5 to 10080, e.g. 240"
    )
    warning_minutes: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=1440, description="a whole number of minutes from 1 to 1440, e.g. 60"
    )
    max_hours: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 72"
    )
    keep_hours: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, e.g. 72"
    )
    disk_gib: Annotated[int | None, RejectNull] = Field(
        None, ge=8, le=65536, description="a whole number of GiB from 8 to 65536, e.g. 2048"
    )
    gpu_count: Annotated[int | None, RejectNull] = Field(
        None, ge=0, le=64, description="a whole number of GPUs from 0 to 64, e.g. 16"
    )
    instances_per_owner: Annotated[int | None, RejectNull] = Field(
        None, ge=0, le=1000, description="a whole number from 0 to 1000, e.g. 10"
    )
    required_tags: Annotated[list[TagKey] | None, RejectNull] = Field(
        None, max_length=20, description='a list of at most 20 tag keys, e.g. ["project"]'
    )
    regions: Annotated[list[Region] | None, RejectNull] = Field(
        None,
        max_length=60,
        description='a list of AWS regions, e.g. ["us-east-1"]; an empty list allows all of gpudesk',
    )
    signals: Annotated[list[str] | None, RejectNull] = Field(
        None, min_length=1, max_length=20, description=SIGNALS_DESCRIPTION
    )
    min_thresholds: Annotated[ThresholdsBody | None, RejectNull] = Field(
        None, description='an object such as {"cpu_core_percent": 10}'
    )


class UpdateDeskBody(RequestModel):
    """Changes of the desk settings; fields that are left out stay as they are."""

    mode: Annotated[Literal["enforce", "dry_run", "paused"] | None, RejectNull] = Field(
        None, description="enforce, dry_run or paused"
    )
    defaults: Annotated[DefaultsBody | None, RejectNull] = Field(
        None, description='an object such as {"region": "us-east-1"}'
    )
    limits: Annotated[LimitsBody | None, RejectNull] = Field(None, description='an object such as {"max_hours": 72}')
    channels: Annotated[ChannelsBody | None, RejectNull] = Field(
        None, description='an object such as {"webhook": "https://hooks.example.org/gpu"}'
    )
    project_budgets: Annotated[dict[ProjectName, UsdText | None] | None, RejectNull] = Field(
        None,
        max_length=500,
        description='US dollars per month by project, such as {"vision": "500.00"}; null removes a budget',
    )
    log_group: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_./#-]{1,512}$",
        description="the CloudWatch Logs group of the deployment, such as /gpudesk/dev/instances, or null for none",
    )

    @model_validator(mode="after")
    def _require_some_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError(
                "empty", "must have at least one of mode, defaults, limits, channels, project_budgets, log_group"
            )
        return self

    def build_budget_changes(self) -> dict[str, Decimal | None]:
        """Return the budgets to change, by project."""
        budgets = self.project_budgets or {}
        return {project: None if amount is None else Decimal(amount) for project, amount in budgets.items()}

    def build_limit_changes(self) -> dict[str, Any]:
        """Return the limits to change, with tuples in place of lists, as the settings hold them."""
        changes = self.limits.model_dump(exclude_unset=True) if self.limits else {}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
