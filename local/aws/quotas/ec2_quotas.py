"""Service Quotas of EC2: the quotas in vCPUs that the catalog names. moto has those of VPC only.

The local cloud enforces none of them; a fault of RunInstances such as VcpuLimitExceeded does.
"""

import functools
from collections.abc import Callable
from typing import Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.store.data_files import load_catalog
from local.aws.core.patches import Patches

VCPUS = 10_000.0

Quota = dict[str, Any]


def patch(patches: Patches) -> None:
    """Add the quotas of EC2, and ListServiceQuotas."""
    patches.wrap(ServiceQuotasBackend, "list_aws_default_service_quotas", _extend_list)
    patches.wrap(ServiceQuotasBackend, "get_service_quota", _extend_get)
    # The defaults are also the applied values, since nobody can raise them here.
    patches.add(ServiceQuotasResponse, "list_service_quotas", ServiceQuotasResponse.list_aws_default_service_quotas)
    patches.add(ServiceQuotasResponse, "get_aws_default_service_quota", ServiceQuotasResponse.get_service_quota)


@functools.cache
def _list_codes() -> tuple[str, ...]:
    quotas = [item.quotas for item in load_catalog().types.values()]
    return tuple(sorted({code for each in quotas for code in (each.on_demand, each.spot) if code}))


def _build_quota(backend: Any, code: str) -> Quota:
    return {
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaArn": f"arn:aws:servicequotas:{backend.region_name}:{backend.account_id}:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": NAMES[code],
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "Unit": "None",
        "Value": VCPUS,
    }


def _extend_list(original: Callable[[Any, str], list[Quota]]) -> Callable[[Any, str], list[Quota]]:
    def list_quotas(backend: Any, service_code: str) -> list[Quota]:
        if service_code != "ec2":
            return original(backend, service_code)
        return [_build_quota(backend, code) for code in _list_codes()]

    return list_quotas


def _extend_get(original: Callable[[Any, str, str], Quota]) -> Callable[[Any, str, str], Quota]:
    def get_quota(backend: Any, service_code: str, quota_code: str) -> Quota:
        if service_code != "ec2":
            return original(backend, service_code, quota_code)
        if quota_code not in _list_codes():
            raise NoSuchResource
        return _build_quota(backend, quota_code)

    return get_quota
