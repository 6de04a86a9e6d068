"""An owner: policy, and where they are told."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.common_schemas import RejectNull, RequestModel
from chalicelib.api.forms.policy import IdlePolicyBody


class ChannelsBody(RequestModel):
    """Where somebody is told; null takes one away."""

    email: str | None = Field(
        None, max_length=254, description="an e-mail address such as ada@example.org, or null for none"
    )
    webhook: str | None = Field(
        None, max_length=500, description="a URL such as https://hooks.example.org/gpu, or null for none"
    )


class UpdateOwnerBody(RequestModel):
    """What to change of what is set for an owner; what is left out stays, null is the desk's again."""

    idle_policy: IdlePolicyBody | None = Field(
        None, description='an object such as {"idle_minutes": 30}, or null for the desk\'s'
    )
    max_hours: int | None = Field(
        None, ge=1, le=8760, description="a whole number of hours from 1 to 8760, or null for the desk's"
    )
    channels: Annotated[ChannelsBody | None, RejectNull] = Field(
        None, description='an object such as {"email": "ada@example.org"}'
    )

    @model_validator(mode="after")
    def _require_some_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("empty", "say what to change: idle_policy, max_hours or channels")
        return self
