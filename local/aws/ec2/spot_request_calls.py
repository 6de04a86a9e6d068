"""DescribeSpotInstanceRequests and CancelSpotInstanceRequests. Requests that moto made itself are answered by moto."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.spot_request import SpotRequest
from local.aws.ec2.spot_requests import SpotRequests

MAX_PER_PAGE = 1000


class SpotRequestCalls:
    """Extension with the calls on spot requests."""

    def __init__(self, spot_requests: SpotRequests) -> None:
        """Create the extension."""
        self._spot_requests = spot_requests

    def patch(self, patches: Patches) -> None:
        """Extend moto's calls."""
        patches.wrap(EC2Response, "describe_spot_instance_requests", self._extend_describe)
        patches.wrap(EC2Response, "cancel_spot_instance_requests", self._extend_cancel)

    def _extend_describe(self, original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        def describe(response: Any) -> ActionResult:
            backend = response.ec2_backend
            result: Any = original(response).result if backend.spot_instance_requests else {}
            others = result.get("SpotInstanceRequests", ())
            filters, ids = response._filters_from_querystring(), response._get_param("SpotInstanceRequestIds", [])
            found = [*others, *(each.describe() for each in self._select(backend.region_name, ids, filters))]
            start = int(response._get_param("NextToken") or 0)
            end = start + (response._get_int_param("MaxResults") or MAX_PER_PAGE)
            return ActionResult(
                {"SpotInstanceRequests": found[start:end], "NextToken": str(end) if end < len(found) else ""}
            )

        return describe

    def _select(self, region: str, ids: Sequence[str], filters: Mapping[str, Sequence[str]]) -> Iterable[SpotRequest]:
        for request in self._spot_requests.requests.values():
            is_selected = request.region == region and (not ids or request.id in ids)
            if is_selected and all(request.matches(name, values) for name, values in filters.items()):
                yield request

    def _extend_cancel(self, original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        def cancel(response: Any) -> ActionResult:
            ids = response._get_param("SpotInstanceRequestIds", [])
            if any(request_id in response.ec2_backend.spot_instance_requests for request_id in ids):
                return original(response)
            for request_id in ids:
                if request_id not in self._spot_requests.requests:
                    text = f"The spot instance request ID '{request_id}' does not exist"
                    raise CloudError("InvalidSpotInstanceRequestID.NotFound", text)
            for request_id in ids:
                self._spot_requests.cancel(self._spot_requests.requests[request_id])
            cancelled = [{"SpotInstanceRequestId": request_id, "State": "cancelled"} for request_id in ids]
            return ActionResult({"CancelledSpotInstanceRequests": cancelled})

        return cancel
