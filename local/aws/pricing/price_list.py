"""GetProducts and DescribeServices of the Price List, from gpudesk's catalog. moto has no such service.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.store.data_files import load_catalog
from local.aws.core.unsupported_calls import WsgiApp, find_service

SERVICE_CODE = "AmazonEC2"
TARGET_PREFIX = "AWSPriceListService."
MAX_RESULTS = 100


class InvalidPriceRequest(Exception):
    """A parameter is invalid; the message says which one."""


class PriceList:
    """WSGI application for the Price List. It passes every other request on to `app`."""

    def __init__(self, app: WsgiApp) -> None:
        """Wrap the server of the other services."""
        self._app = app
        self._operations: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "GetProducts": get_products,
            "DescribeServices": describe_services,
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(TARGET_PREFIX)
        if find_service(environ) != "pricing" or operation not in self._operations:
            return self._app(environ, start_response)
        request = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
        status = "200 OK"
        try:
            answer = self._operations[operation](request)
        except InvalidPriceRequest as error:
            status, answer = "400 Bad Request", {"__type": "InvalidParameterException", "message": str(error)}
        body = json.dumps(answer).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]


def describe_services(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the only service with its attributes."""
    _require_service(request.get("ServiceCode", SERVICE_CODE))
    names = sorted(_build_attributes(next(iter(load_catalog().types.values())), "us-east-1"))
    return {"FormatVersion": "aws_v1", "Services": [{"ServiceCode": SERVICE_CODE, "AttributeNames": names}]}


def get_products(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the products that match all filters, with their on-demand price."""
    _require_service(request.get("ServiceCode"))
    catalog = load_catalog()
    products = [
        product
        for product in _list_products(catalog)
        if all(_matches(product["product"], wanted) for wanted in request.get("Filters") or ())
    ]
    start, limit = int(request.get("NextToken") or 0), int(request.get("MaxResults") or MAX_RESULTS)
    page = [json.dumps(product) for product in products[start : start + limit]]
    more = {"NextToken": str(start + limit)} if start + limit < len(products) else {}
    return {"FormatVersion": "aws_v1", "PriceList": page, **more}


def _require_service(code: str | None) -> None:
    if code != SERVICE_CODE:
        raise InvalidPriceRequest(f"The local cloud has prices of {SERVICE_CODE} only, not of {code}.")


def _matches(product: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    attributes = {**product["attributes"], "productFamily": product["productFamily"]}
    if wanted.get("Type") != "TERM_MATCH" or wanted.get("Field") not in attributes:
        raise InvalidPriceRequest(f"The filter {dict(wanted)} is invalid. Fields: {', '.join(sorted(attributes))}.")
    return str(attributes[wanted["Field"]]).lower() == wanted.get("Value", "").lower()


def _list_products(catalog: InstanceTypeCatalog) -> Iterator[dict[str, Any]]:
    for instance_type in catalog.types.values():
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
