"""The errors after which botocore repeats a call, read from botocore."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from local.aws.core.errors import HTTP_STATUSES


def list_retried_errors() -> dict[str, int]:
    """Return the codes that botocore repeats, in its standard and its legacy mode, with the status it expects."""
    retried = json.loads((Path(botocore.__file__).parent / "data/_retry.json").read_text())
    known: dict[str, int] = dict(_find_retried(retried))
    throttling, transient = vars(ThrottledRetryableChecker), vars(TransientRetryableChecker)
    codes: set[str] = {*throttling["_THROTTLED_ERROR_CODES"], *transient["_TRANSIENT_ERROR_CODES"]}
    return known | {code: known.get(code, HTTP_STATUSES.get(code, 400)) for code in codes}


def _find_retried(part: Any) -> Iterator[tuple[str, int]]:
    if isinstance(part, dict):
        if "service_error_code" in part:
            yield part["service_error_code"], part["http_status_code"]
        for value in part.values():
            yield from _find_retried(value)
