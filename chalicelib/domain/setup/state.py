"""The state of an instance's setup: which recipe and document, which attempt, what has run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.setup.installed_documents import InstalledDocument
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult, Failure


@dataclass(frozen=True, kw_only=True)
class AddedRecipe:
    """A recipe that was asked for once the instance was ready, with its parameters, complete."""

    recipe: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DocumentRun:
    """A command that was sent, or is about to be.

    :param sent_at: when it was first sent
    :param last_sent_at: when SSM was last asked to take it
    :param attempt_id: goes with the command; a machine that already ran it leaves at once
    :param parameters_hash: of what the document was handed
    :param document_hash: SSM's hash of the document
    """

    attempt_id: str
    sent_at: datetime
    last_sent_at: datetime
    command_id: str | None = None
    parameters_hash: str | None = None
    document_hash: str | None = None


@dataclass(frozen=True, kw_only=True)
class SetupState:
    """How far the recipe has come.

    :param recipe: the recipe that is set up
    :param number: counts the setups of this instance, so that no attempt id is used twice
    :param on_running_instance: the instance was ready before, so that it still is where this fails
    :param abandoned: it failed on an instance that goes on as it was; nothing of it is tried again by itself
    :param document_index: the document that is next or running
    :param attempts: how often that one has failed
    :param retry_at: not before then again
    :param failure: why the document failed last; None once it is done
    :param results: of this setup and of those before it; of each document the last is always among them
    :param installed_documents: what the image brought, and which need not run again
    """

    recipe: str
    number: int = 0
    on_running_instance: bool = False
    abandoned: bool = False
    documents: tuple[RecipeDocument, ...] = ()
    installed_documents: tuple[InstalledDocument, ...] = ()
    document_index: int = 0
    attempts: int = 0
    current_run: DocumentRun | None = None
    retry_at: datetime | None = None
    results: tuple[DocumentResult, ...] = ()
    failure: Failure | None = None

    @property
    def is_done(self) -> bool:
        return self.abandoned or self.document_index >= len(self.documents)


def find_installed_documents(setup: SetupState) -> dict[str, InstalledDocument]:
    """By name: what the image brought, and over it the last result of every document, of whatever setup.

    An earlier run counts for nothing: what it installed may have been changed since, by one that failed, too.
    """
    known = {installed_document.name: installed_document for installed_document in setup.installed_documents}
    for result in setup.results:
        before = known.pop(result.name, None)
        baked = _from_result(result, before)
        if baked:
            known[result.name] = baked
    return known


def documents_for_image(setup: SetupState) -> tuple[InstalledDocument, ...]:
    """What an image would have: a document that is half done, or was given up, is not in it."""
    known = find_installed_documents(setup)
    if setup.document_index < len(setup.documents):
        known.pop(setup.documents[setup.document_index].name, None)
    return tuple(known.values())


def _from_result(result: DocumentResult, before: InstalledDocument | None) -> InstalledDocument | None:
    """What was there already is done again in no time: then it would take as long as it once did."""
    if not (result.succeeded and result.parameters_hash and result.document_hash):
        return None
    seconds = int(result.duration.total_seconds())
    marks = (result.recipe_hash, result.parameters_hash, result.document_hash)
    if before and (before.recipe_hash, before.parameters_hash, before.document_hash) == marks:
        seconds = max(seconds, before.seconds)
    return InstalledDocument(
        name=result.name,
        recipe_hash=result.recipe_hash,
        parameters_hash=result.parameters_hash,
        document_hash=result.document_hash,
        seconds=seconds,
    )
