"""What a setup fetches from the internet, made up: the same paths, small files, the same bytes at each call.

Nothing is downloaded. A pretend machine's `curl` serves from here, and so does the HTTPS server of `tests/recipes` for
scripts that run on a real root.
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
    """What is published there; None where it is not one of the known publishers' paths."""
    for publisher in PUBLISHERS:
        found = publisher(url)
        if found is not None:
            return found
    return None
