"""The products of the Price List, from gpudesk's catalog and the types that were added to EC2.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.store.data_files import load_catalog
from local.aws.core.errors import CloudError
from local.aws.ec2.added_types import AddedTypes

SERVICE_CODE = "AmazonEC2"
MAX_RESULTS = 100

Filters = Sequence[Mapping[str, str]]


class PriceList:
    """The answers of the Price List.

    :param added: types that the catalog does not have
    """

    def __init__(self, added: AddedTypes) -> None:
        """Use the types that are added later, too."""
        self._added = added

    def describe_services(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the only service with its attributes."""
        _require_service(request.get("ServiceCode", SERVICE_CODE))
        names = sorted(_build_attributes(next(iter(load_catalog().types.values())), "us-east-1"))
        return {"FormatVersion": "aws_v1", "Services": [{"ServiceCode": SERVICE_CODE, "AttributeNames": names}]}

    def get_products(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the products that match all filters, with their on-demand price."""
        _require_service(request.get("ServiceCode"))
        filters: Filters = request.get("Filters") or ()
        products = [
            product
            for instance_type in self._list_types(filters)
            for product in _list_products(load_catalog(), instance_type)
            if all(_matches(product["product"], wanted) for wanted in filters)
        ]
        start, limit = int(request.get("NextToken") or 0), int(request.get("MaxResults") or MAX_RESULTS)
        page = [json.dumps(product) for product in products[start : start + limit]]
        more = {"NextToken": str(start + limit)} if start + limit < len(products) else {}
        return {"FormatVersion": "aws_v1", "PriceList": page, **more}

    def _list_types(self, filters: Filters) -> list[InstanceType]:
        """Return the types that filters by name allow. Without them, building all products takes most of the time."""
        names = {wanted.get("Value", "").lower() for wanted in filters if wanted.get("Field") == "instanceType"}
        types = [*load_catalog().types.values(), *self._added.list_types()]
        return [each for each in types if not names or each.name in names]


def _require_service(code: str | None) -> None:
    if code != SERVICE_CODE:
        raise CloudError(
            "InvalidParameterException", f"The local cloud has prices of {SERVICE_CODE} only, not of {code}."
        )


def _matches(product: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    attributes = {**product["attributes"], "productFamily": product["productFamily"]}
    if wanted.get("Type") != "TERM_MATCH" or wanted.get("Field") not in attributes:
        raise CloudError(
            "InvalidParameterException",
            f"The filter {dict(wanted)} is invalid. Fields: {', '.join(sorted(attributes))}.",
        )
    return str(attributes[wanted["Field"]]).lower() == wanted.get("Value", "").lower()


def _list_products(catalog: InstanceTypeCatalog, instance_type: InstanceType) -> Iterator[dict[str, Any]]:
    for region, usd in instance_type.prices.items():
        sku = hashlib.sha256(f"{instance_type.name}{region}".encode()).hexdigest()[:16].upper()
        product = {
            "productFamily": "Compute Instance",
            "sku": sku,
            "attributes": _build_attributes(instance_type, region),
        }
        yield {
            "product": product,
            "serviceCode": SERVICE_CODE,
            "terms": {"OnDemand": _build_term(catalog, instance_type, sku, usd)},
            "version": f"{catalog.priced_at:%Y%m%d}",
            "publicationDate": f"{catalog.priced_at}T00:00:00Z",
        }


def _build_attributes(instance_type: InstanceType, region: str) -> dict[str, str]:
    return {
        "instanceType": instance_type.name,
        "regionCode": region,
        "vcpu": str(instance_type.vcpus),
        "memory": f"{instance_type.memory_gib:g} GiB",
        "gpu": str(instance_type.gpu_count),
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
    }


def _build_term(catalog: InstanceTypeCatalog, instance_type: InstanceType, sku: str, usd: Decimal) -> dict[str, Any]:
    dimension = {
        "unit": "Hrs",
        "pricePerUnit": {"USD": str(usd)},
        "description": f"${usd} per On Demand Linux {instance_type.name} Instance Hour",
    }
    term = {
        "sku": sku,
        "effectiveDate": f"{catalog.priced_at}T00:00:00Z",
        "priceDimensions": {f"{sku}.HOUR": dimension},
    }
    return {f"{sku}.ONDEMAND": term}
