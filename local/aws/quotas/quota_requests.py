"""Requests to increase quotas: RequestServiceQuotaIncrease and the history of the requests of a quota.

A request stays PENDING until `decide` changes it, as a support case does. AWS accepts one open request for each quota.
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestServiceQuotaIncrease.html
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListRequestedServiceQuotaChangeHistoryByQuota.html
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.servicequotas.responses import ServiceQuotasResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.quotas.ec2_quotas import Ec2Quotas

OPEN_STATES = ("PENDING", "CASE_OPENED")
STATES = (*OPEN_STATES, "APPROVED", "DENIED", "CASE_CLOSED", "NOT_APPROVED", "INVALID_REQUEST")
PAGE_SIZE = 100
SERVICE_PRINCIPAL = "servicequotas.amazonaws.com"


class QuotaRequests:
    """Extension with the requests of the account. Approving one raises the quota.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime], quotas: Ec2Quotas) -> None:
        """Start without requests."""
        self._now = now
        self._quotas = quotas
        self._requests: dict[str, dict[str, Any]] = {}
        self._regions: dict[str, str] = {}

    def patch(self, patches: Patches) -> None:
        """Add the two calls."""
        patches.add(ServiceQuotasResponse, "request_service_quota_increase", self._build_request_call())
        patches.add(
            ServiceQuotasResponse, "list_requested_service_quota_change_history_by_quota", self._build_history_call()
        )

    def list_all(self) -> Iterator[Mapping[str, Any]]:
        """Yield region and fields of all requests, the oldest first."""
        for request_id, request in self._requests.items():
            yield {"Region": self._regions[request_id], **request}

    def decide(self, request_id: str, status: str) -> None:
        """Change the state of an open request. APPROVED raises the quota to the requested value.

        :raises KeyError: there is no such request
        :raises ValueError: AWS has decided it
        """
        request = self._requests[request_id]
        if request["Status"] not in OPEN_STATES:
            raise ValueError(f"Request {request_id} is {request['Status']}, which is final. Request another increase.")
        request |= {"Status": status, "LastUpdated": self._now().timestamp()}
        if status == "CASE_OPENED":
            request["CaseId"] = str(uuid.UUID(request_id).int % 10**10)
        if status == "APPROVED":
            self._quotas.set_limit(self._regions[request_id], request["QuotaCode"], request["DesiredValue"])

    def _build_request_call(self) -> Callable[[Any], str]:
        def request_service_quota_increase(response: Any) -> str:
            fields = json.loads(response.body)
            quota = response.backend.get_service_quota(fields["ServiceCode"], fields["QuotaCode"])
            if fields["DesiredValue"] <= quota["Value"]:
                text = "The requested quota value must be greater than the current value."
                raise CloudError("IllegalArgumentException", text)
            if any(each["Status"] in OPEN_STATES for each in self._list_of(response.region, fields["QuotaCode"])):
                text = "Only one open service quota increase request is allowed per quota."
                raise CloudError("ResourceAlreadyExistsException", text)
            _create_service_linked_role(response)
            request_id = uuid.uuid4().hex
            self._regions[request_id] = response.region
            at = self._now().timestamp()
            copied = ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "GlobalQuota", "Unit")
            self._requests[request_id] = {
                **{name: quota[name] for name in copied},
                "Id": request_id,
                "DesiredValue": float(fields["DesiredValue"]),
                "Status": "PENDING",
                "Created": at,
                "LastUpdated": at,
                "QuotaRequestedAtLevel": "ACCOUNT",
            }
            return json.dumps({"RequestedQuota": self._requests[request_id]})

        return request_service_quota_increase

    def _build_history_call(self) -> Callable[[Any], str]:
        def list_history(response: Any) -> str:
            fields = json.loads(response.body)
            response.backend.get_service_quota(fields["ServiceCode"], fields["QuotaCode"])
            found = [
                request
                for request in reversed(self._list_of(response.region, fields["QuotaCode"]))
                if fields.get("Status") in (None, request["Status"])
            ]
            start = int(fields.get("NextToken") or 0)
            end = start + int(fields.get("MaxResults") or PAGE_SIZE)
            more = {"NextToken": str(end)} if end < len(found) else {}
            return json.dumps({"RequestedQuotas": found[start:end], **more})

        return list_history

    def _list_of(self, region: str, code: str) -> list[dict[str, Any]]:
        return [
            request
            for request_id, request in self._requests.items()
            if self._regions[request_id] == region and request["QuotaCode"] == code
        ]


def _create_service_linked_role(response: Any) -> None:
    """Create the role with which Service Quotas opens support cases, at the first request of the account.

    https://docs.aws.amazon.com/servicequotas/latest/userguide/using-service-linked-roles.html
    """
    backend = iam_backends[response.current_account][response.partition]
    if not any(SERVICE_PRINCIPAL in role.path for role in backend.roles.values()):
        backend.create_service_linked_role(SERVICE_PRINCIPAL, "Service Quotas", "")
