"""Fakes of the files that setups download: archives with the same paths, but small. Their bytes never change.

The fake `curl` of the machine uses this package. So does the HTTPS server of `tests/recipes`, for scripts that run on a
real root file system.
"""

from collections.abc import Callable

from . import book, miniconda, nvidia, uv_release

PUBLISHERS: tuple[Callable[[str], bytes | None], ...] = (
    book.find_content,
    miniconda.find_content,
    nvidia.find_content,
    uv_release.find_content,
)


def find_content(url: str) -> bytes | None:
    """Return the file at a URL; None if no publisher of this package has it."""
    for publisher in PUBLISHERS:
        body = publisher(url)
        if body is not None:
            return body
    return None
