"""Bill a started instance at the price of the time of its start, and no longer at that of its launch."""

from dataclasses import replace

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.hardware import find_rates
from chalicelib.domain.instances.record import Instance


def update_rates_at_start(before: Instance, after: Instance, catalog: InstanceTypeCatalog) -> Instance:
    """Return `after` with the present list prices if this change begins a start.

    Prices that the catalog no longer has stay as they were. A spot price is not a list price.
    """
    began = after.claim is not None and after.claim.action is ClaimAction.START
    if not began or before.claim == after.claim or after.spec.market is not Market.ON_DEMAND:
        return after
    spec, known = after.spec, after.billing.rates
    present = find_rates(spec.hardware.instance_type, spec.region, spec.priced_disk_gib, catalog)
    rates = replace(
        present,
        instance=known.instance if present.instance is None else present.instance,
        disk=known.disk if present.disk is None else present.disk,
    )
    return replace(after, billing=replace(after.billing, rates=rates))
