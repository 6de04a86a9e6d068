"""Enforcement of the quotas in vCPUs: RunInstances and StartInstances beyond a limit are refused.

AWS counts the vCPUs of pending and running instances, on-demand and spot apart.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits
"""

from collections.abc import Callable, Iterator
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceBackend

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.store.data_files import load_catalog
from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.quotas.ec2_quotas import Ec2Quotas

COUNTED_STATES = ("pending", "running")


class QuotaEnforcement:
    """Extension that refuses launches and starts beyond a quota. Install it after the extensions of EC2."""

    def __init__(self, quotas: Ec2Quotas, lifecycle: Lifecycle) -> None:
        """Use these limits, and count these instances."""
        self._quotas = quotas
        self._lifecycle = lifecycle

    def patch(self, patches: Patches) -> None:
        """Check before a launch and before a start."""
        patches.wrap(InstanceBackend, "run_instances", self._check_launch)
        patches.wrap(Instance, "start", self._check_start)

    def _check_launch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def run_instances(backend: Any, image_id: str, count: int, *arguments: Any, **options: Any) -> Any:
            market = Market.SPOT if options.get("instance_market_options") else Market.ON_DEMAND
            self._require_quota(backend.region_name, options["instance_type"], market, count)
            return original(backend, image_id, count, *arguments, **options)

        return run_instances

    def _check_start(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def start(instance: Any) -> Any:
            tracked = self._lifecycle.track(instance)
            if tracked.state == "stopped":
                self._require_quota(tracked.region, instance.instance_type, find_market(instance), 1)
            return original(instance)

        return start

    def _require_quota(self, region: str, type_name: str, market: Market, count: int) -> None:
        """Check that further instances of a type fit into the quota.

        :raises CloudError: VcpuLimitExceeded on demand, MaxSpotInstanceCountExceeded on the spot market
        """
        code = find_quota_code(type_name, market)
        if code is None:
            return
        limit = self._quotas.get_limit(region, code)
        if self._count_use(region, code) + count * count_vcpus(type_name) <= limit:
            return
        if market is Market.SPOT:
            raise CloudError("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        raise CloudError(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {limit:g} allows for the instance "
            "bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
        )

    def _count_use(self, region: str, code: str) -> int:
        return sum(self._list_vcpus(region, code))

    def _list_vcpus(self, region: str, code: str) -> Iterator[int]:
        for tracked in self._lifecycle.instances.values():
            type_name = tracked.instance.instance_type
            is_counted = tracked.region == region and tracked.state in COUNTED_STATES
            if is_counted and find_quota_code(type_name, find_market(tracked.instance)) == code:
                yield count_vcpus(type_name)


def find_market(instance: Any) -> Market:
    """Return the market on which one of moto's instances runs."""
    return Market.SPOT if instance.lifecycle == "spot" else Market.ON_DEMAND


def count_vcpus(type_name: str) -> int:
    """Return the vCPUs of a type; 0: neither the catalog nor moto knows them."""
    known = load_catalog().types.get(type_name)
    if known and known.vcpus:
        return known.vcpus
    facts: dict[str, Any] = INSTANCE_TYPES.get(type_name) or {}
    return int(facts.get("VCpuInfo", {}).get("DefaultVCpus", 0))
