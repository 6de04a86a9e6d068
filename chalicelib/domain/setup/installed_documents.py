"""A document that ran to its end on a disk, and what tells that run from another: hashes, of three things."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.setup.recipe import RecipeDocument


@dataclass(frozen=True, kw_only=True)
class InstalledDocument:
    """What vouches for a document on the disk that an image was made of.

    :param recipe_hash: hash of what the recipe hands over, placeholders not filled in
    :param parameters_hash: hash of what was handed over, but for the attempt's id
    :param document_hash: SSM's hash of the document that ran
    :param seconds: how long it took
    """

    name: str
    recipe_hash: str
    parameters_hash: str
    document_hash: str
    seconds: int


def hash_parameters(parameters: Mapping[str, str], attempt_id: str) -> str:
    """Of what a document is handed, but for the attempt's id, which is another one each time."""
    return _hash({name: value for name, value in parameters.items() if value != attempt_id})


def hash_recipe_document(use: RecipeDocument) -> str:
    """Of what a recipe says of a document."""
    return _hash(dict(use.parameters))


def _hash(plain: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
