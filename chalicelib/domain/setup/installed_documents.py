"""A document that has run and is on the disk. Three hashes tell whether another run would change anything."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.setup.recipe import RecipeDocument


@dataclass(frozen=True, kw_only=True)
class InstalledDocument:
    """A document that ran on the disk from which an image is created.

    :param recipe_hash: hash of the parameters in the recipe, with the placeholders of gpudesk
    :param parameters_hash: hash of the parameters that were sent, without the attempt id
    :param document_hash: SSM's hash of the document that ran
    :param seconds: duration of the run
    """

    name: str
    recipe_hash: str
    parameters_hash: str
    document_hash: str
    seconds: int


def hash_parameters(parameters: Mapping[str, str], attempt_id: str) -> str:
    """Return a hash of the parameters that are sent, without the attempt id, which is different each time."""
    return _hash({name: value for name, value in parameters.items() if value != attempt_id})


def hash_recipe_document(document: RecipeDocument) -> str:
    """Return a hash of the parameters of a document in a recipe."""
    return _hash(dict(document.parameters))


def _hash(parameters: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
