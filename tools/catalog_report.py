"""Say what a refresh has changed in the catalog, and what it has not found."""

from collections.abc import Iterator

from chalicelib.domain.catalog.document import CatalogDocument, build_catalog
from chalicelib.domain.catalog.families import FamilyStatus
from chalicelib.domain.catalog.gaps import list_gaps
from chalicelib.domain.catalog.refresh import Refresh

WITHOUT_DESCRIPTION = {FamilyStatus.LEGACY, FamilyStatus.RETIRED, FamilyStatus.ULTRASERVER}


def report_refresh(before: CatalogDocument, after: CatalogDocument, refresh: Refresh) -> Iterator[str]:
    """Yield one line per difference, then what a person has to decide, then the number of gaps."""
    yield from _list_differences(before, after)
    yield from _list_missing_types(after, refresh)
    known = {family.image for family in after.families.values() if family.image}
    for image in sorted(known - refresh.image_sizes.keys()):
        yield f"not found: image {image}"
    catalog = build_catalog(after)
    yield f"{len(catalog.types)} types, {len(list_gaps(catalog))} gaps"


def _list_differences(before: CatalogDocument, after: CatalogDocument) -> Iterator[str]:
    for name in after.gpu_models.keys() - before.gpu_models.keys():
        yield f"new GPU: {name}. Write its compute capability and peaks into gpus.json."
    for name, family in after.families.items():
        earlier = before.families.get(name)
        if earlier is None:
            yield f"new family: {name}. Check its quotas and its image in families.json."
        elif earlier.status is not family.status:
            yield f"changed: family {name} is {family.status}, was {earlier.status}"
    old = {facts.name: facts for _, facts in before.list_types()}
    for family, facts in after.list_types():
        if facts.name not in old:
            yield f"new type: {facts.name}"
        elif facts != old[facts.name]:
            changed = {key: value for key, value in vars(facts).items() if value != vars(old[facts.name])[key]}
            for key, value in changed.items():
                yield f"changed: {facts.name} {key} is {value}, was {vars(old[facts.name])[key]}"
        prices = after.prices.get_prices(family.name, facts.name)
        earlier_prices = before.prices.get_prices(family.name, facts.name)
        regions = sorted(region for region, usd in prices.items() if usd != earlier_prices.get(region))
        if regions:
            yield f"price changed: {facts.name} in {', '.join(regions)}"


def _list_missing_types(after: CatalogDocument, refresh: Refresh) -> Iterator[str]:
    """Yield the types that EC2 no longer describes. One account may not see them all, so a person decides."""
    described = {each.facts.name for each in refresh.types}
    for family, facts in after.list_types():
        if facts.name not in described and family.status not in WITHOUT_DESCRIPTION:
            advice = "If AWS has withdrawn it, set its family to legacy or retired."
            yield f"not described in any region: {facts.name}. {advice}"
