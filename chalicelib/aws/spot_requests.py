"""Spot requests, which EC2 keeps for instances on spot: find and cancel them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import ID_TAG, STAGE_TAG
from chalicelib.domain.instances.spot import LIVE_REQUEST_STATES, ObservedSpotRequest, SpotRequestKey, SpotRequestState

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, SpotInstanceRequestTypeDef

PAGE_SIZE = 1000


class SpotRequests:
    """The spot requests of one stage. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use only requests with this stage tag.

        :param stage: the value of the tag
        """
        self._clients = clients
        self._stage = stage

    def list_requests(self, region: str) -> list[ObservedSpotRequest]:
        """Return the live requests of this stage in a region."""
        states = [str(state) for state in LIVE_REQUEST_STATES]
        return self._list(region, [{"Name": "tag-key", "Values": [ID_TAG]}, {"Name": "state", "Values": states}])

    def find(self, request: SpotRequestKey, record_id: str) -> ObservedSpotRequest | None:
        """Return the request of an EC2 instance; None: EC2 does not show it.

        The id is passed as a filter: EC2 rejects an unknown id in SpotInstanceRequestIds, but not in a filter. Without
        it, the request with the tag of the record that names the instance is returned, or a live one that names none
        yet. A request of another instance with the same tag is not: a cancellation would terminate that instance.
        """
        if request.request_id:
            by_id = self._list(request.region, [{"Name": "spot-instance-request-id", "Values": [request.request_id]}])
            return next(iter(by_id), None)
        tagged = self._list(request.region, [{"Name": f"tag:{ID_TAG}", "Values": [record_id]}])
        found = [each for each in tagged if each.instance_id in (request.instance_id, None)]
        return min(found, key=lambda each: (each.instance_id is None, not each.is_live), default=None)

    def cancel(self, region: str, request_ids: Sequence[str]) -> None:
        """Cancel requests. EC2 terminates a stopped instance of a cancelled request."""
        with translate_errors():
            self._clients.ec2(region).cancel_spot_instance_requests(SpotInstanceRequestIds=list(request_ids))

    def _list(self, region: str, filters: "list[FilterTypeDef]") -> list[ObservedSpotRequest]:
        stage: FilterTypeDef = {"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]}
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_spot_instance_requests")
                .paginate(Filters=[stage, *filters], PaginationConfig={"PageSize": PAGE_SIZE})
            )
            return [_to_observed(region, request) for page in pages for request in page["SpotInstanceRequests"]]


def _to_observed(region: str, request: "SpotInstanceRequestTypeDef") -> ObservedSpotRequest:
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    status = request.get("Status", {})
    return ObservedSpotRequest(
        request_id=request["SpotInstanceRequestId"],
        tag_id=tags.get(ID_TAG, ""),
        region=region,
        state=SpotRequestState(request["State"]),
        instance_id=request.get("InstanceId") or None,
        status_code=status.get("Code", ""),
        updated_at=status.get("UpdateTime") or request["CreateTime"],
    )
