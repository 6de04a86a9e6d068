"""What a machine's disk holds of what recipes install, as far as that is certain."""

from chalicelib.domain.baked import Baked
from chalicelib.domain.instance import Setup
from chalicelib.domain.setup_results import DocumentResult


def vouched(setup: Setup) -> dict[str, Baked]:
    """By name: what the image brought, and over it the last result of every document, of whatever setup.

    An earlier run counts for nothing: what it installed may have been changed since, by one that failed, too.
    """
    known = {each.name: each for each in setup.baked}
    for result in setup.results:
        before = known.pop(result.name, None)
        baked = _baked(result, before)
        if baked:
            known[result.name] = baked
    return known


def baked_of(setup: Setup) -> tuple[Baked, ...]:
    """What an image would have: a document that is half done, or was given up, is not in it."""
    known = vouched(setup)
    if setup.index < len(setup.documents):
        known.pop(setup.documents[setup.index].name, None)
    return tuple(known.values())


def _baked(result: DocumentResult, before: Baked | None) -> Baked | None:
    """What was there already is done again in no time: then it would take as long as it once did."""
    if not (result.succeeded and result.fingerprint and result.content):
        return None
    seconds = int(result.took.total_seconds())
    marks = (result.use, result.fingerprint, result.content)
    if before and (before.use, before.fingerprint, before.content) == marks:
        seconds = max(seconds, before.seconds)
    return Baked(
        name=result.name,
        use=result.use,
        fingerprint=result.fingerprint,
        content=result.content,
        seconds=seconds,
    )
