"""Check a start against the quotas of EC2, and answer one that exceeds them: the figures, and what the caller can do.

What is unknown never refuses a start.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.quota_texts import describe_start_advice
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.quota_answer import build_increase_choice, build_quota_member
from chalicelib.domain.launch.quota_excess import choose_cpu_type
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, describe_excess
from chalicelib.domain.offers.size_change import SizeContext, SizePlace, list_other_sizes, list_size_problems


@dataclass(frozen=True, kw_only=True)
class StartExcess:
    """A start that exceeds a quota.

    :param headroom: with a known code, limit, use and need
    :param instance_type: the type with which the instance is to start
    :param other_sizes: types with the same GPU that the quota leaves room for
    :param cpu_type: a type without a GPU with which it can start meanwhile; None: none fits
    """

    instance: Instance
    headroom: Headroom
    instance_type: str
    other_sizes: Sequence[str] = ()
    cpu_type: str | None = None

    def build_conflict(self) -> Conflict:
        """Return the refusal of the start."""
        headroom, region = self.headroom, self.instance.spec.region
        excess = describe_excess(headroom, region, {self.instance_type: headroom.need or 0})
        types = [*self.other_sizes, *([self.cpu_type] if self.cpu_type else [])]
        advice = describe_start_advice(headroom.code or "", types, is_limit_enough=headroom.is_limit_enough)
        message = f"{self.instance.name} cannot be started. {excess} {advice}"
        members = {"quota": build_quota_member(headroom, region), "choices": [*self._list_choices()]}
        return Conflict(message, code=ErrorCode.QUOTA_EXCEEDED, members=members)

    def _list_choices(self) -> Iterator[Mapping[str, Any]]:
        yield build_increase_choice(self.headroom, self.instance.spec.region)
        for name in self.other_sizes:
            yield self._build_size_choice("other_size", name, f"Start it as {name}, which has the same GPU.")
        if self.cpu_type:
            message = f"Start it as {self.cpu_type}, which has no GPU, meanwhile."
            yield self._build_size_choice("cpu_type", self.cpu_type, message)

    def _build_size_choice(self, kind: str, name: str, message: str) -> Mapping[str, Any]:
        path = f"/instances/{self.instance.name}/start"
        return {"kind": kind, "message": message, "method": "POST", "path": path, "body": {"instance_type": name}}


def find_start_excess(instance: Instance, type_name: str, context: SizeContext) -> StartExcess | None:
    """Return the quota that a start with a type exceeds; None: it fits, or that is unknown.

    :param context: of the region of the instance
    """
    headroom = context.quotas.without(instance).find_headroom(type_name, instance.spec.market)
    if headroom.kind is not HeadroomKind.EXCEEDED:
        return None
    others = [other.instance_type for other in list_other_sizes(instance, context)]
    return StartExcess(
        instance=instance,
        headroom=headroom,
        instance_type=type_name,
        other_sizes=[name for name in others if name != type_name],
        cpu_type=choose_other_cpu_type(instance, context),
    )


def choose_other_cpu_type(instance: Instance, context: SizeContext, place: SizePlace | None = None) -> str | None:
    """Return a type without a GPU that the instance can have in a place; None: none, or it has no GPU anyway.

    :param place: None: where its disk is
    """
    recipe = context.recipes.get(instance.spec.software.recipe)
    if recipe is None or instance.spec.hardware.gpu is None:
        return None

    def is_possible(item: InstanceType) -> bool:
        return not any(list_size_problems(instance, item, context, place))

    spec = replace(instance.spec, region=place.region) if place else instance.spec
    chosen = choose_cpu_type(spec, recipe, context.catalog, is_possible)
    return chosen.name if chosen else None
