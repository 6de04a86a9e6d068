"""Fake files in place of those that setups download: the same paths, small contents, the same bytes each time.

Nothing is downloaded. The machine's fake `curl` uses this module, and so does the HTTPS server of `tests/recipes` for
scripts that run on a real root file system.
"""

from collections.abc import Callable

from . import book, miniconda, nvidia, uv_release

PUBLISHERS: tuple[Callable[[str], bytes | None], ...] = (
    book.content,
    miniconda.content,
    nvidia.content,
    uv_release.content,
)


def content(url: str) -> bytes | None:
    """Return the file at this URL; None if no publisher here has it."""
    for publisher in PUBLISHERS:
        body = publisher(url)
        if body is not None:
            return body
    return None
