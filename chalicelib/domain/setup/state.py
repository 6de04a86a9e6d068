"""State of the setup of an instance: the recipe, the current document and attempt, and the results so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.setup.installed_documents import InstalledDocument
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult, Failure

MAX_RETAINED_RESULTS = 20
"""Results of earlier documents in the record, besides the last one of each document. The timeline has all."""


@dataclass(frozen=True, kw_only=True)
class AddedRecipe:
    """A recipe that was added to a ready instance, with all its parameters."""

    recipe: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DocumentRun:
    """A command that runs a document: about to be sent, sent, or accepted by SSM.

    :param attempt_id: id that the document receives. An instance that has already run this attempt skips it, so sending
        the command twice is safe.
    :param sent_at: when the command was first sent
    :param last_sent_at: when the command was last sent
    :param command_id: id of the command in SSM; None until SSM has accepted it
    :param parameters_hash: hash of the parameters that were sent
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
    """State of the setup of one recipe.

    :param number: number of this setup of the instance. It is part of attempt ids, so that none is used twice.
    :param on_running_instance: the instance was ready before this setup, so it stays ready if the setup fails
    :param abandoned: the setup failed on a ready instance and is not attempted again
    :param installed_documents: documents that the image contains
    :param document_index: index of the document that runs now or next
    :param attempts: number of failed attempts of this document
    :param interruptions: number of times that the system went down while a document of this setup ran
    :param retry_at: earliest time of the next attempt
    :param results: results of this setup and of earlier ones. The last result of each document is always among them.
    :param failure: last failure of the current document; None after it succeeded
    """

    recipe: str
    number: int = 0
    on_running_instance: bool = False
    abandoned: bool = False
    documents: tuple[RecipeDocument, ...] = ()
    installed_documents: tuple[InstalledDocument, ...] = ()
    document_index: int = 0
    attempts: int = 0
    interruptions: int = 0
    current_run: DocumentRun | None = None
    retry_at: datetime | None = None
    results: tuple[DocumentResult, ...] = ()
    failure: Failure | None = None

    @property
    def is_done(self) -> bool:
        """Return whether no document remains to be run."""
        return self.abandoned or self.document_index >= len(self.documents)

    def begin_again(
        self, documents: tuple[RecipeDocument, ...], *, on_running_instance: bool, recipe: str | None = None
    ) -> "SetupState":
        """Return the next setup of the instance, of which nothing has run. It knows what the disk has.

        :param recipe: None: the same as before
        """
        return SetupState(
            recipe=recipe or self.recipe,
            number=self.number + 1,
            on_running_instance=on_running_instance,
            documents=documents,
            installed_documents=self.installed_documents,
            results=retain_results(self.results),
        )


def retain_results(results: tuple[DocumentResult, ...]) -> tuple[DocumentResult, ...]:
    """Return the newest results, and the last result of every document, which says what is on the disk."""
    last = {result.name: index for index, result in enumerate(results)}
    first_retained = len(results) - MAX_RETAINED_RESULTS
    return tuple(
        result for index, result in enumerate(results) if index >= first_retained or last[result.name] == index
    )


def find_added_parameters(added_recipes: Iterable[AddedRecipe], recipe: str) -> Mapping[str, ParameterValue]:
    """Return the parameters of an added recipe; empty if the recipe was not added."""
    return next((added.parameters for added in added_recipes if added.recipe == recipe), {})


def find_installed_documents(setup: SetupState) -> dict[str, InstalledDocument]:
    """Return the documents on the disk, by name: those of the image, replaced by the last result of each document.

    Only the last run of a document counts. If it failed, it may have changed what an earlier run installed.
    """
    installed = {document.name: document for document in setup.installed_documents}
    for result in setup.results:
        document = _from_result(result, installed.pop(result.name, None))
        if document:
            installed[result.name] = document
    return installed


def collect_documents_for_image(setup: SetupState) -> tuple[InstalledDocument, ...]:
    """Return the documents that an image of the instance contains, without one that is incomplete or abandoned."""
    installed = find_installed_documents(setup)
    if setup.document_index < len(setup.documents):
        installed.pop(setup.documents[setup.document_index].name, None)
    return tuple(installed.values())


def _from_result(result: DocumentResult, previous: InstalledDocument | None) -> InstalledDocument | None:
    """Return the installed document for a result; None if it failed or its hashes are unknown.

    A document that was installed already finishes at once when it runs again. It keeps the duration of the longer run.
    """
    if not (result.succeeded and result.parameters_hash and result.document_hash):
        return None
    seconds = int(result.duration.total_seconds())
    hashes = (result.recipe_hash, result.parameters_hash, result.document_hash)
    if previous and (previous.recipe_hash, previous.parameters_hash, previous.document_hash) == hashes:
        seconds = max(seconds, previous.seconds)
    return InstalledDocument(
        name=result.name,
        recipe_hash=result.recipe_hash,
        parameters_hash=result.parameters_hash,
        document_hash=result.document_hash,
        seconds=seconds,
    )
