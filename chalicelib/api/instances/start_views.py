"""View of a start: what it waits for, and which other sizes may start in the zone of the disk."""

from typing_extensions import TypedDict

from chalicelib.api.common_views import format_decimal, format_optional_timestamp
from chalicelib.domain.instances.record import STOPPED_PHASES, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.start_state import OtherSize


class OtherSizeView(TypedDict):
    """Another instance type that may start in the zone of the disk.

    `price_ratio`: to the price of the present type. `evidence`: what launches and starts have shown there.
    """

    instance_type: str
    price_per_hour: str
    price_ratio: str | None
    evidence: str


class StartView(TypedDict):
    """A start that is requested or waits for capacity.

    `waiting_since`: time of the first refusal; null: AWS has not refused it. `next_try_at`: when gpudesk tries again.
    `instance_type`: the type that the instance gets first; null: it keeps its type.
    """

    waiting_since: str | None
    next_try_at: str | None
    wait_until: str | None
    refusal_count: int
    last_refusal: str
    instance_type: str | None
    other_sizes: list[OtherSizeView]


def to_start_view(instance: Instance) -> StartView | None:
    """Return the view of a start; None if the instance is not starting."""
    is_starting = instance.phase in (*STOPPED_PHASES, Phase.BOOTING) and instance.spec.desired is DesiredState.RUNNING
    is_claimed = instance.phase is not Phase.BOOTING or instance.claim is not None
    if not is_starting or not is_claimed:
        return None
    start = instance.start
    return {
        "waiting_since": format_optional_timestamp(start.refused_since),
        "next_try_at": format_optional_timestamp(start.retry_at),
        "wait_until": format_optional_timestamp(start.wait_until),
        "refusal_count": start.refusal_count,
        "last_refusal": start.last_refusal,
        "instance_type": start.instance_type,
        "other_sizes": [_to_size_view(size) for size in start.other_sizes],
    }


def _to_size_view(size: OtherSize) -> OtherSizeView:
    return {
        "instance_type": size.instance_type,
        "price_per_hour": format_decimal(size.price),
        "price_ratio": format_decimal(size.price_ratio) if size.price_ratio is not None else None,
        "evidence": size.evidence,
    }
