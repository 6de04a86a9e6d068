"""Check a move against the quotas of EC2 at its target, and answer one that exceeds them as a start is answered.

What is unknown never refuses a move.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.catalog.quota_texts import describe_move_advice
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.instances.move_choice import list_move_markets
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.quota_answer import build_increase_choice, build_quota_member
from chalicelib.domain.launch.start_excess import choose_other_cpu_type
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, describe_excess
from chalicelib.domain.offers.size_change import (
    MAX_OTHER_SIZES,
    SizeContext,
    SizePlace,
    is_similar_size,
    list_size_problems,
)


@dataclass(frozen=True, kw_only=True)
class MoveExcess:
    """A move that exceeds a quota.

    :param headroom: with a known code, limit, use and need
    :param other_sizes: types with the same GPU with which the instance can move there
    :param cpu_type: a type without a GPU with which it can move there meanwhile; None: none fits
    """

    instance: Instance
    target: MoveTarget
    headroom: Headroom
    other_sizes: Sequence[str] = ()
    cpu_type: str | None = None

    @property
    def message(self) -> str:
        """Return quota, limit, use and need, as a sentence."""
        need = {self.target.hardware.instance_type: self.headroom.need or 0}
        return describe_excess(self.headroom, self.target.region, need)

    def build_conflict(self) -> Conflict:
        """Return the refusal of the move."""
        name, headroom, region = self.instance.name, self.headroom, self.target.region
        types = [*self.other_sizes, *([self.cpu_type] if self.cpu_type else [])]
        advice = describe_move_advice(headroom.code or "", name, types, is_limit_enough=headroom.is_limit_enough)
        members = {"quota": build_quota_member(headroom, region), "choices": [*self._list_choices()]}
        message = f"{name} cannot be moved. {self.message} {advice}"
        return Conflict(message, code=ErrorCode.QUOTA_EXCEEDED, members=members)

    def _list_choices(self) -> Iterator[Mapping[str, Any]]:
        yield build_increase_choice(self.headroom, self.target.region)
        for name in self.other_sizes:
            yield self._build_type_choice("other_size", name, f"Move it as {name}, which has the same GPU.")
        if self.cpu_type:
            message = f"Move it as {self.cpu_type}, which has no GPU, meanwhile."
            yield self._build_type_choice("cpu_type", self.cpu_type, message)

    def _build_type_choice(self, kind: str, name: str, message: str) -> Mapping[str, Any]:
        zone = {"zone": self.target.zone} if self.target.zone else {}
        body = {"region": self.target.region, **zone, "instance_type": name}
        path = f"/instances/{self.instance.name}/move"
        return {"kind": kind, "message": message, "method": "POST", "path": path, "body": body}


def find_move_excess(instance: Instance, target: MoveTarget, context: SizeContext) -> MoveExcess | None:
    """Return the quota that a move exceeds; None: it fits, or that is unknown.

    :param context: of the region of the target
    """
    quotas, size = context.quotas.without(instance), target.hardware.instance_type
    headrooms = [quotas.find_headroom(size, market) for market in list_move_markets(instance.spec, target)]
    if any(headroom.kind is not HeadroomKind.EXCEEDED for headroom in headrooms):
        return None
    place = SizePlace(target.region, target.zone)
    return MoveExcess(
        instance=instance,
        target=target,
        headroom=headrooms[0],
        other_sizes=_list_other_sizes(instance, target, context, place),
        cpu_type=choose_other_cpu_type(instance, context, place),
    )


def _list_other_sizes(instance: Instance, target: MoveTarget, context: SizeContext, place: SizePlace) -> Sequence[str]:
    """Return the cheapest types like the one of the target with which the instance can move there."""
    requested = context.catalog.types[target.hardware.instance_type]
    similar = (size for size in context.catalog.types.values() if is_similar_size(size, requested))
    fitting = [size for size in similar if not any(list_size_problems(instance, size, context, place))]
    fitting.sort(key=lambda size: (size.prices[target.region], size.name))
    return [size.name for size in fitting[:MAX_OTHER_SIZES]]
