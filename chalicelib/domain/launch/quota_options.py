"""List the quotas with which a launch can be launched: those of all offers that it may try."""

from collections.abc import Iterator
from dataclasses import replace

from chalicelib.domain.instances.lifecycle.quota_retries import list_refusals
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser, find_choice
from chalicelib.domain.offers.waiting_headroom import QuotaOption


def list_quota_regions(instance: Instance, deployed_regions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the regions in which a launch can use a quota."""
    choice = find_choice(instance.spec)
    if not choice.has_other_quotas or choice.is_region_fixed:
        return tuple(dict.fromkeys((instance.spec.region, choice.region)))
    tried = (each.offer.region for each in list_refusals(instance.launch.tries))
    return tuple(dict.fromkeys((instance.spec.region, choice.region, *deployed_regions, *tried)))


def list_quota_options(instance: Instance, chooser: OfferChooser) -> tuple[QuotaOption, ...]:
    """Return one option for each quota, that of the first offer at the beginning, then in the order of the offers.

    Of the types with the same quota it has the one that needs least of it.
    """
    choice, spec = find_choice(instance.spec), instance.spec
    if not choice.has_other_quotas:
        return (QuotaOption(spec.region, spec.hardware.instance_type, spec.market),)
    types, options = chooser.context.catalog.types, dict[str, QuotaOption]()

    def find_need(option: QuotaOption) -> float:
        vcpus = types[option.instance_type].vcpus if option.instance_type in types else None
        return float("inf") if vcpus is None else vcpus

    for option in _list_offered(instance, chooser):
        if option.region not in instance.launch.left_out_regions:
            options[option.key] = min(options.get(option.key, option), option, key=find_need)
    return tuple(options.values())


def _list_offered(instance: Instance, chooser: OfferChooser) -> Iterator[QuotaOption]:
    """Yield what the launch may try: its first offer, those that are stored, and those that EC2 has refused."""
    choice = find_choice(instance.spec)
    yield QuotaOption(choice.region, choice.instance_type, choice.markets[0])
    context = chooser.context
    # An offer is also an option while its quota is exceeded, so the search must not know the quotas.
    offerings = {region: replace(each, quotas=None) for region, each in context.offerings.items()}
    unlimited = replace(chooser, context=replace(context, offerings=offerings))
    for offer in unlimited.list_offers(instance.spec):
        yield QuotaOption(offer.region, offer.instance_type, offer.market)
    for tried in list_refusals(instance.launch.tries):
        yield QuotaOption(tried.offer.region, tried.offer.instance_type, tried.offer.market)
