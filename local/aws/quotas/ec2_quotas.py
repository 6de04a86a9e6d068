"""Service Quotas of EC2: the quotas in vCPUs that the catalog names. moto has those of VPC only."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from chalicelib.domain.catalog.quotas import NAMES, find_quota_codes
from chalicelib.store.data_files import load_catalog
from local.aws.core.patches import Patches

VCPUS = 10_000.0
"""Each limit until `set_limit` changes it: more than any test or demo needs."""

Quota = dict[str, Any]


class Ec2Quotas:
    """Limits of the account, and the calls that read them."""

    def __init__(self) -> None:
        """Start with limits that suffice for everything."""
        self._limits: dict[tuple[str, str], float] = {}

    def patch(self, patches: Patches) -> None:
        """Add the quotas of EC2, and ListServiceQuotas."""
        patches.wrap(ServiceQuotasBackend, "list_aws_default_service_quotas", self._extend_list)
        patches.wrap(ServiceQuotasBackend, "get_service_quota", self._extend_get)
        # The applied values are answered where AWS has defaults, too: nobody needs the difference here.
        patches.add(ServiceQuotasResponse, "list_service_quotas", ServiceQuotasResponse.list_aws_default_service_quotas)
        patches.add(ServiceQuotasResponse, "get_aws_default_service_quota", ServiceQuotasResponse.get_service_quota)

    def get_limit(self, region: str, code: str) -> float:
        """Return the vCPUs of a quota in a region."""
        return self._limits.get((region, code), VCPUS)

    def set_limit(self, region: str, code: str, vcpus: float) -> None:
        """Set the vCPUs of a quota in a region from now on."""
        self._limits[region, code] = vcpus

    def list_changed_limits(self) -> Iterator[tuple[str, str, float]]:
        """Yield region, code and vCPUs of each limit that was set, sorted."""
        for (region, code), vcpus in sorted(self._limits.items()):
            yield region, code, vcpus

    def build_quota(self, backend: Any, code: str) -> Quota:
        """Return a quota as Service Quotas answers it."""
        return {
            "Adjustable": True,
            "GlobalQuota": False,
            "QuotaArn": f"arn:aws:servicequotas:{backend.region_name}:{backend.account_id}:ec2/{code}",
            "QuotaCode": code,
            "QuotaName": NAMES[code],
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "Unit": "None",
            "Value": self.get_limit(backend.region_name, code),
        }

    def _extend_list(self, original: Callable[[Any, str], list[Quota]]) -> Callable[[Any, str], list[Quota]]:
        def list_quotas(backend: Any, service_code: str) -> list[Quota]:
            if service_code != "ec2":
                return original(backend, service_code)
            return [self.build_quota(backend, code) for code in list_codes()]

        return list_quotas

    def _extend_get(self, original: Callable[[Any, str, str], Quota]) -> Callable[[Any, str, str], Quota]:
        def get_quota(backend: Any, service_code: str, quota_code: str) -> Quota:
            if service_code != "ec2":
                return original(backend, service_code, quota_code)
            if quota_code not in list_codes():
                raise NoSuchResource
            return self.build_quota(backend, quota_code)

        return get_quota


@functools.cache
def list_codes() -> tuple[str, ...]:
    """Return the codes of the quotas that types of the catalog use, sorted."""
    quotas = [find_quota_codes(item.family) for item in load_catalog().types.values()]
    return tuple(sorted({code for each in quotas for code in (each.on_demand, each.spot) if code}))
