"""Divide what a quota leaves among the launches that wait for it.

They get what is free in the order of their requests; one that does not fit keeps no later one from it.
"""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind
from chalicelib.domain.offers.quota_use import may_wait_for_quota


@dataclass(frozen=True)
class WaitingHeadroom:
    """The headroom of a launch that may wait for its quota.

    :param reserved: vCPUs of what is free that launches get which have waited longer
    """

    headroom: Headroom
    reserved: int = 0

    @property
    def fits(self) -> bool | None:
        """Return whether the launch fits; None: unknown."""
        free, need = self.headroom.free, self.headroom.need
        if self.headroom.kind is HeadroomKind.UNKNOWN or free is None or need is None:
            return None
        return need <= free - self.reserved


def find_waiting_headroom(instance: Instance, quotas: CurrentQuotas) -> WaitingHeadroom:
    """Return what the quota leaves for a launch that may wait for it, after those that were requested before."""
    others, spec = quotas.without(instance), instance.spec
    headroom = others.find_headroom(spec.hardware.instance_type, spec.market)
    if headroom.code is None or headroom.free is None:
        return WaitingHeadroom(headroom)
    reserved = 0
    for record in sorted(filter(may_wait_for_quota, others.list_records(headroom.code)), key=_get_order):
        if _get_order(record) > _get_order(instance):
            break
        need = others.find_vcpus(record.spec.hardware.instance_type)
        if need is not None and need <= headroom.free - reserved:
            reserved += need
    return WaitingHeadroom(headroom, reserved)


def _get_order(record: Instance) -> tuple[datetime, str]:
    return record.created_at, record.id
