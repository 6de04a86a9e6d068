"""The Price List as a service of moto, which has none: its calls are counted, checked and can have faults."""

import json
import re
from collections.abc import Callable
from typing import Any

from moto import backend_index, backends
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.responses import ActionResult, BaseResponse

from local.aws.core.patches import Patches
from local.aws.pricing.price_list import PriceList

SERVICE = "pricing"
URL = r"https?://(api\.)?pricing\.(.+)\.amazonaws\.com"


class PricingResponse(BaseResponse):
    """The operations of the Price List."""

    def __init__(self) -> None:
        """Use the model of the service."""
        super().__init__(service_name=SERVICE)


class PricingBackend(BaseBackend):
    """A backend without state."""

    @property
    def urls(self) -> dict[str, Callable[..., Any]]:
        """Return the handlers by URL."""
        return {f"{URL}/$": PricingResponse.dispatch}

    @property
    def flask_paths(self) -> dict[str, Callable[..., Any]]:
        """Return the handlers by path, as moto's server needs them."""
        return {"/": PricingResponse.dispatch}


BACKENDS = BackendDict(PricingBackend, SERVICE, additional_regions=["us-east-1", "eu-central-1", "ap-south-1"])


class PricingService:
    """Extension that adds the Price List to moto."""

    def __init__(self, prices: PriceList) -> None:
        """Answer with these prices."""
        self._prices = prices

    def patch(self, patches: Patches) -> None:
        """Register the service and its operations."""
        patches.wrap(backend_index, "backend_url_patterns", lambda known: [*known, (SERVICE, re.compile(URL))])
        patches.wrap(backends, "get_backend", _extend_get_backend)
        for name in ("get_products", "describe_services"):
            patches.add(PricingResponse, name, _build_operation(getattr(self._prices, name)))


def _build_operation(answer: Callable[[Any], Any]) -> Callable[[Any], ActionResult]:
    return lambda response: ActionResult(answer(json.loads(response.body or "{}")))


def _extend_get_backend(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda name: BACKENDS if name == SERVICE else original(name)
