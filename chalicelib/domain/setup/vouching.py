"""What a machine's disk holds of what recipes install, as far as that is certain."""

from chalicelib.domain.instances.record import SetupState
from chalicelib.domain.setup.installed_documents import InstalledDocument
from chalicelib.domain.setup.results import DocumentResult


def installed_documents(setup: SetupState) -> dict[str, InstalledDocument]:
    """By name: what the image brought, and over it the last result of every document, of whatever setup.

    An earlier run counts for nothing: what it installed may have been changed since, by one that failed, too.
    """
    known = {each.name: each for each in setup.installed_documents}
    for result in setup.results:
        before = known.pop(result.name, None)
        baked = _from_result(result, before)
        if baked:
            known[result.name] = baked
    return known


def documents_for_image(setup: SetupState) -> tuple[InstalledDocument, ...]:
    """What an image would have: a document that is half done, or was given up, is not in it."""
    known = installed_documents(setup)
    if setup.document_index < len(setup.documents):
        known.pop(setup.documents[setup.document_index].name, None)
    return tuple(known.values())


def _from_result(result: DocumentResult, before: InstalledDocument | None) -> InstalledDocument | None:
    """What was there already is done again in no time: then it would take as long as it once did."""
    if not (result.succeeded and result.parameters_hash and result.content):
        return None
    seconds = int(result.duration.total_seconds())
    marks = (result.recipe_hash, result.parameters_hash, result.content)
    if before and (before.recipe_hash, before.parameters_hash, before.content) == marks:
        seconds = max(seconds, before.seconds)
    return InstalledDocument(
        name=result.name,
        recipe_hash=result.recipe_hash,
        parameters_hash=result.parameters_hash,
        content=result.content,
        seconds=seconds,
    )
