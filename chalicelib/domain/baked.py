"""What tells one run of a document from another: hashes of what a recipe says, and of what was handed over."""

import hashlib
import json
from collections.abc import Mapping

from chalicelib.domain.recipes import DocumentUse


def fingerprint(parameters: Mapping[str, str], attempt_id: str) -> str:
    """Of what a document is handed, but for the attempt's id, which is another one each time."""
    return _hash({name: value for name, value in parameters.items() if value != attempt_id})


def use_hash(use: DocumentUse) -> str:
    """Of what a recipe says of a document."""
    return _hash(dict(use.parameters))


def _hash(plain: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
