"""Decide whether gpudesk can launch an instance type, and say why it cannot."""

from __future__ import annotations

from chalicelib.domain.catalog.families import FamilyStatus, Obstacle, TypeFamily
from chalicelib.domain.catalog.type_facts import TypeFacts

_RETIRED = "AWS no longer offers {name} ({gpu})."
_ULTRASERVER = "AWS sells {name} only as part of a rack (UltraServer) by Capacity Blocks, which gpudesk cannot book."
_CAPACITY_BLOCKS = "AWS sells {name} only by Capacity Blocks, which gpudesk cannot book."
_UNPRICED = "No on-demand price of {name} is known in any region, so gpudesk cannot say what it costs."
_UNKNOWN = "gpudesk does not know how many GPUs, vCPUs and GiB {name} has."
_WITHOUT_IMAGE = "No image for {name} is known."
_BY_OBSTACLE = {
    Obstacle.PROPRIETARY_DRIVER: (
        "{name} ({gpu}) needs NVIDIA's proprietary driver, which the image that gpudesk launches no longer contains."
    ),
    Obstacle.GRID_DRIVER: (
        "{name} has a slice of an {gpu}. It needs NVIDIA's GRID driver, which no image of gpudesk contains."
    ),
}


def describe_unavailability(facts: TypeFacts, family: TypeFamily, *, has_price: bool) -> str | None:
    """Return why gpudesk cannot launch a type and what to use instead, as sentences; None if it can."""
    reason = _find_reason(facts, family, has_price=has_price)
    if reason is None:
        return None
    return f"{reason.format(name=facts.name, gpu=facts.gpu)} Use {family.instead or 'another type'}."


def _find_reason(facts: TypeFacts, family: TypeFamily, *, has_price: bool) -> str | None:
    if family.status is FamilyStatus.RETIRED:
        return _RETIRED
    if family.status is FamilyStatus.ULTRASERVER:
        return _ULTRASERVER
    if family.obstacle:
        return _BY_OBSTACLE[family.obstacle]
    if facts.usage_classes is not None and "on-demand" not in facts.usage_classes:
        return _CAPACITY_BLOCKS
    if facts.gpu_count is None or facts.vcpus is None or facts.memory_mib is None:
        return _UNKNOWN
    if family.image is None:
        return _WITHOUT_IMAGE
    return None if has_price else _UNPRICED
