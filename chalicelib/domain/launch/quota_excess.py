"""The answer to a launch that exceeds a quota of EC2: the figures, and what the caller can do, as data and as text."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.quota_texts import describe_launch_advice
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.quota_answer import build_increase_choice, build_quota_member
from chalicelib.domain.offers.headroom import Headroom, describe_excess
from chalicelib.domain.offers.offer import Offer
from chalicelib.domain.setup.recipe import Recipe


@dataclass(frozen=True)
class QuotaExcess:
    """A launch that exceeds a quota.

    :param headroom: with a known code, limit, use and need
    :param cpu_type: a type without a GPU that can be used meanwhile; None: none fits
    :param other_offer: another offer that the launch may try, whose quota suffices; None: there is none
    """

    spec: Spec
    headroom: Headroom
    cpu_type: InstanceType | None
    other_offer: Offer | None = None

    @property
    def message(self) -> str:
        """Return quota, limit, use and need, as a sentence."""
        name = self.spec.hardware.instance_type
        return describe_excess(self.headroom, self.spec.region, {name: self.headroom.need or 0})

    def find_warning(self) -> WriteWarning | None:
        """Return what happens to the launch instead of a refusal; None: it is refused."""
        if self.other_offer:
            market = "" if self.other_offer.market is self.spec.market else f" ({self.other_offer.market})"
            other = f"{self.other_offer.instance_type}{market} in {self.other_offer.region}"
            message = f"{self.message} gpudesk launches another offer instead, such as a {other}."
            return WriteWarning(WarningCode.OTHER_OFFER, message)
        if self.spec.wait_for_quota:
            choice = self.spec.launch_choice
            quota = "the quota of any of its offers" if choice and choice.has_other_quotas else "the quota"
            message = f"{self.message} gpudesk launches it when {quota} suffices."
            return WriteWarning(WarningCode.WAITING_FOR_QUOTA, message)
        return None

    def build_conflict(self) -> Conflict:
        """Return the refusal of the launch."""
        code = self.headroom.code or ""
        advice = describe_launch_advice(code, self.cpu_type.name if self.cpu_type else None)
        members = {"quota": build_quota_member(self.headroom, self.spec.region), "choices": list(self._list_choices())}
        return Conflict(f"{self.message} {advice}", code=ErrorCode.QUOTA_EXCEEDED, members=members)

    def _list_choices(self) -> Iterator[Mapping[str, Any]]:
        yield build_increase_choice(self.headroom, self.spec.region)
        yield {
            "kind": "wait",
            "message": "Send the same request with wait_for_quota. gpudesk launches it when the quota suffices.",
            "method": "POST",
            "path": "/instances",
            "body": {"wait_for_quota": True},
        }
        if self.cpu_type:
            yield {
                "kind": "cpu_type",
                "message": f"Send the same request with {self.cpu_type.name}, without gpu and gpu_count, meanwhile.",
                "method": "POST",
                "path": "/instances",
                "body": {"instance_type": self.cpu_type.name, "region": self.spec.region},
            }


def choose_cpu_type(
    spec: Spec, recipe: Recipe, catalog: InstanceTypeCatalog, has_room: Callable[[InstanceType], bool]
) -> InstanceType | None:
    """Return a type without a GPU for the time until the quota suffices; None: none fits.

    It has the same architecture, its recipe supports it, and its vCPUs are at least those of the launch, or else as
    many as possible. Of several, the cheapest one.

    :param has_room: returns whether its quota leaves room for it
    """
    need = spec.hardware.vcpus or 1

    def is_usable(item: InstanceType) -> bool:
        is_offered = item.unavailable is None and spec.region in item.prices and item.arch == spec.hardware.arch
        image = recipe.get_image_parameter(item)
        return is_offered and recipe.requirements.find_incompatibility(item, image) is None and has_room(item)

    usable = [item for item in catalog.types.values() if item.gpu is None and item.vcpus and is_usable(item)]
    return min(
        usable,
        key=lambda item: (max(0, need - (item.vcpus or 0)), item.prices[spec.region], item.name),
        default=None,
    )
