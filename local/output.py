"""Output of a command whose reader may end before it, as in `make preview | head` or `make run | head`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def discard(out: TextIO) -> None:
    """Drop what is still written to `out`. Python flushes it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


@contextmanager
def end_quietly_if_closed(out: TextIO) -> Iterator[None]:
    """Write and flush inside; if the reader of `out` has ended, drop the rest."""
    try:
        yield
        out.flush()
    except BrokenPipeError:
        discard(out)
