"""Read on-demand prices from the Price List. One call returns the prices of a type in all regions.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

PRICE_LIST_REGION = "us-east-1"
"""Region with an endpoint of the Price List. https://docs.aws.amazon.com/general/latest/gr/billing.html"""

FILTERS = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}
"""Properties of the products that are plain on-demand instances."""


def read_prices(client: Any, type_name: str) -> dict[str, Decimal]:
    """Return USD per hour by region, on demand, Linux; empty: AWS publishes no price of the type.

    :param client: an SDK client of `pricing`
    :raises BotoCoreError, ClientError: the Price List cannot be called or rejects the call
    """
    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value}
        for name, value in {"instanceType": type_name, **FILTERS}.items()
    ]
    pages = client.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
    products = (json.loads(text) for page in pages for text in page["PriceList"])
    found = (parse_product(product) for product in products)
    return {region: usd for region, usd in filter(None, found) if usd}


def parse_product(product: Mapping[str, Any]) -> tuple[str, Decimal] | None:
    """Return the region of a product and its USD per hour; None: it is no on-demand price in a region.

    Products of Local Zones, of Capacity Blocks and of reservations without a price per hour are none. GovCloud is left
    out: it has accounts and images of its own.
    """
    attributes = product["product"]["attributes"]
    if attributes.get("locationType", "AWS Region") != "AWS Region" or attributes["regionCode"].startswith("us-gov-"):
        return None
    if attributes.get("marketoption", "OnDemand") != "OnDemand":
        return None
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = _parse_usd(dimension["pricePerUnit"].get("USD"))
            if dimension["unit"] == "Hrs" and usd is not None:
                return attributes["regionCode"], usd
    return None


def _parse_usd(text: str | None) -> Decimal | None:
    """Return an amount without the zeros that the Price List adds: "0.5260000000" is 0.526."""
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return Decimal(f"{amount.normalize():f}")
