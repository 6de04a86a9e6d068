"""Read the quotas of EC2 and the instances that use them, request an increase, and read the history of requests."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.instances.ec2_instance import QUOTA_STATES
from chalicelib.domain.offers.quota_request import AwsQuotaRequest, QuotaRequestState
from chalicelib.domain.offers.quotas import RunningInstance

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

SERVICE = "ec2"
PAGE_SIZE = 100
"""The most quotas of one answer: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html"""

INSTANCE_PAGE_SIZE = 1000
DEDICATED_HOST = "host"


class Quotas:
    """Quotas of EC2 and their use. Each method raises AwsError if AWS rejects a call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use these clients.

        :param stage: the value of the tag of instances that this gpudesk manages
        """
        self._clients = clients
        self._stage = stage

    def read_limits(self, region: str) -> Mapping[str, int]:
        """Return the vCPUs of each known quota, by code; a quota for which AWS has no applied value is missing."""
        paginator = self._clients.service_quotas(region).get_paginator("list_service_quotas")
        with translate_errors():
            pages = paginator.paginate(ServiceCode=SERVICE, PaginationConfig={"PageSize": PAGE_SIZE})
            return {
                quota["QuotaCode"]: int(quota["Value"])
                for page in pages
                for quota in page["Quotas"]
                if quota["QuotaCode"] in NAMES and "Value" in quota
            }

    def list_running(self, region: str) -> list[RunningInstance]:
        """Return all pending and running instances of a region that count toward a quota, whoever launched them."""
        paginator = self._clients.ec2(region).get_paginator("describe_instances")
        with translate_errors():
            pages = paginator.paginate(
                Filters=[{"Name": "instance-state-name", "Values": [str(state) for state in QUOTA_STATES]}],
                PaginationConfig={"PageSize": INSTANCE_PAGE_SIZE},
            )
            return [
                RunningInstance(instance["InstanceType"], market, is_managed=self._is_managed(instance))
                for page in pages
                for reservation in page["Reservations"]
                for instance in reservation.get("Instances", ())
                for market in _list_markets(instance)
            ]

    def _is_managed(self, instance: "InstanceTypeDef") -> bool:
        return {"Key": STAGE_TAG, "Value": self._stage} in instance.get("Tags", ())

    def request_increase(self, region: str, code: str, value: int) -> AwsQuotaRequest:
        """File a request to increase a quota.

        :param value: vCPUs
        :raises AwsDuplicate: a request for the quota is open
        """
        client: Any = self._clients.service_quotas(region)
        with translate_errors():
            answer = client.request_service_quota_increase(
                ServiceCode=SERVICE, QuotaCode=code, DesiredValue=float(value)
            )
        return _to_request(answer["RequestedQuota"])

    def list_requests(self, region: str, code: str) -> list[AwsQuotaRequest]:
        """Return the requests to increase a quota that AWS still lists."""
        paginator = self._clients.service_quotas(region).get_paginator(
            "list_requested_service_quota_change_history_by_quota"
        )
        with translate_errors():
            pages = paginator.paginate(ServiceCode=SERVICE, QuotaCode=code, PaginationConfig={"PageSize": PAGE_SIZE})
            return [_to_request(request) for page in pages for request in page["RequestedQuotas"]]


def _to_request(fields: Mapping[str, Any]) -> AwsQuotaRequest:
    """Return a request as the API of Service Quotas shows it.

    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestedServiceQuotaChange.html
    """
    state = str(fields["Status"]).lower()
    return AwsQuotaRequest(
        id=fields["Id"],
        state=QuotaRequestState(state) if state in set(QuotaRequestState) else None,
        value=int(fields["DesiredValue"]),
        created_at=fields["Created"],
        case_id=fields.get("CaseId"),
    )


def _list_markets(instance: "InstanceTypeDef") -> Iterator[Market]:
    """Yield the market whose quota an instance uses, if that is known.

    InstanceLifecycle is missing for on-demand instances. Dedicated Hosts have quotas of their own. Other instances,
    such as those of a capacity block, are not counted: a use that is too low lets EC2 decide.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
    """
    lifecycle = instance.get("InstanceLifecycle")
    if instance.get("Placement", {}).get("Tenancy") == DEDICATED_HOST:
        return
    if lifecycle is None:
        yield Market.ON_DEMAND
    elif lifecycle == "spot":
        yield Market.SPOT
