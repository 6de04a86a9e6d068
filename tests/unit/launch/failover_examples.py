"""Launches with a choice, and the stored offers that they choose from."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from chalicelib.domain.instances.launch_choice import LaunchChoice, with_first_price
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from tests.support.ready_instance import build_ready_instance
from tests.support.recipes import build_recipes
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_reading

FIRST_TYPE, FIRST_REGION, FIRST_PRICE = "g4dn.xlarge", "us-east-1", Decimal("0.526")


def build_offering(region: str, letters: str, on_demand: str = "0.526", spot: str | None = "0.15") -> TypeOffering:
    """Return what zones of a region offer, at the same price on each market."""
    price = Decimal(spot) if spot else None
    return TypeOffering(Decimal(on_demand), PRICED_ON, {f"{region}{letter}": price for letter in letters})


def build_region(region: str, letters: str = "ab", on_demand: str = "0.526", **more: TypeOffering) -> RegionOfferings:
    """Return a region with a g4dn.xlarge, and with more types such as `g4dn_2xlarge=`."""
    return build_reading(region, NOW, g4dn_xlarge=build_offering(region, letters, on_demand), **more)


def build_launch(**choice: Any) -> Instance:
    """Return the record of a launch of one T4 from any region, unless the choice says otherwise."""
    fields: dict[str, Any] = {"gpus": ("T4",), "gpu_count": 1, "is_region_fixed": False, **choice}
    instance = build_ready_instance()
    found = with_first_price(LaunchChoice(instance_type=FIRST_TYPE, region=FIRST_REGION, **fields), FIRST_PRICE)
    return replace(instance, ec2_instance=None, spec=replace(instance.spec, launch_choice=found))


def list_next(instance: Instance, context: OfferContext) -> list[str]:
    """Return what a launch tries next, in order, as "TYPE ZONE"."""
    chooser = OfferChooser(context, build_recipes())
    excluded = [each.offer.key for each in instance.launch.tries_of_pass]
    ordered = chooser.order(instance, chooser.list_offers(instance.spec), excluded)
    return [f"{offer.instance_type} {offer.zone}" for offer in ordered]
