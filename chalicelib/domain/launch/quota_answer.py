"""The parts that the answers to a launch and to a start beyond a quota share, as data."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.offers.headroom import Headroom


def build_quota_member(headroom: Headroom, region: str) -> Mapping[str, Any]:
    """Return the figures of a quota that is exceeded."""
    return {
        "code": headroom.code,
        "name": NAMES[headroom.code or ""],
        "region": region,
        "limit": headroom.limit,
        "use": headroom.use,
        "free": headroom.free,
        "need": headroom.need,
    }


def build_increase_choice(headroom: Headroom, region: str) -> Mapping[str, Any]:
    """Return the choice that an admin requests an increase which suffices."""
    value = max((headroom.limit or 0) + 1, (headroom.use or 0) + (headroom.need or 0))
    return {
        "kind": "request_increase",
        "message": f"An admin requests an increase to {value} vCPUs from AWS.",
        "method": "POST",
        "path": f"/quotas/{headroom.code}/increase",
        "body": {"region": region, "value": value},
    }
