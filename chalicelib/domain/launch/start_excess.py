"""The answer to a start that exceeds a quota of EC2: the figures, and what the caller can do, as data and as text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.catalog.quota_texts import describe_start_choices
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.quota_answer import build_increase_choice, build_quota_member
from chalicelib.domain.offers.headroom import Headroom, describe_excess


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
        message = (
            f"{self.instance.name} cannot be started. {excess} {describe_start_choices(headroom.code or '', types)}"
        )
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
