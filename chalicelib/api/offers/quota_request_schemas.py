"""Body and views of requests to increase a quota."""

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import QuotaRequestStateText
from chalicelib.api.common_views import WriteWarningView, to_warnings_view
from chalicelib.api.request_models import RequestModel
from chalicelib.control.services.quota_requests import MAX_VCPUS, RecordedQuotaRequest
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.offers.quota_request import QuotaRequest


class IncreaseBody(RequestModel):
    """The increase to request from AWS."""

    region: str = Field(min_length=1, max_length=40, description="an AWS region, e.g. us-east-1")
    value: int = Field(
        ge=1,
        le=MAX_VCPUS,
        description=f"a whole number of vCPUs that is more than the limit and at most {MAX_VCPUS}, e.g. 64",
    )


class QuotaRequestView(TypedDict):
    """The last request to increase a quota.

    `value`: the requested vCPUs. `limit`: the vCPUs when it was requested. `state`: recorded until gpudesk has filed
    it. `aws_request_id`, `case_id`: the request and the support case at AWS; null: there is none yet. `error`: why AWS
    refused the call.
    """

    value: int
    limit: int
    state: QuotaRequestStateText
    state_since: str
    requested_by: str
    requested_at: str
    aws_request_id: str | None
    case_id: str | None
    error: str | None


class RecordedQuotaRequestView(QuotaRequestView):
    """A request to increase a quota, which gpudesk files afterwards. `id`: the code of the quota."""

    id: str
    region: str
    warnings: list[WriteWarningView]


def to_quota_request_view(request: QuotaRequest) -> QuotaRequestView:
    """Return the view of a request."""
    return {
        "value": request.value,
        "limit": request.limit,
        "state": str(request.state),
        "state_since": format_timestamp(request.state_since),
        "requested_by": request.requested_by,
        "requested_at": format_timestamp(request.requested_at),
        "aws_request_id": request.aws_id,
        "case_id": request.case_id,
        "error": request.error,
    }


def to_recorded_request_view(recorded: RecordedQuotaRequest) -> RecordedQuotaRequestView:
    """Return the answer to a request."""
    request = recorded.request
    return {
        **to_quota_request_view(request),
        "id": request.code,
        "region": request.region,
        "warnings": to_warnings_view(*recorded.warnings),
    }
