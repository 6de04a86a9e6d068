"""Compare names of GPUs as people write them. Letter case, punctuation and the name of the maker do not matter."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_MAKERS = frozenset({"nvidia", "tesla", "geforce", "amd"})

_MIN_SIMILARITY = 0.4
"""Names are short: "T5" and "T4g" have a similarity of only 0.4."""


def match_names(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that begin with the words of `text`: "rtx-pro 6000" matches "RTX PRO 6000 Server".

    Words are compared without punctuation, so a text with other characters could mean anything and matches nothing.
    """
    if not (text.isascii() and text.isprintable()):
        return ()
    start = "".join(_split_words(text))
    return tuple(name for name in names if start in _list_prefixes(name))


def suggest_names(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return at most three names that are similar to `text`, the most similar first."""
    by_spelling = {"".join(_split_words(name)): name for name in names}
    matches = difflib.get_close_matches("".join(_split_words(text)), by_spelling, n=3, cutoff=_MIN_SIMILARITY)
    return tuple(by_spelling[match] for match in matches)


def is_same_gpu(device: str, name: str) -> bool:
    """Return whether the name in the driver is the name of the GPU: "NVIDIA A100-SXM4-40GB" is an "A100 40GB"."""
    return set(_split_words(name)) <= set(_split_words(device))


def _split_words(text: str) -> list[str]:
    """Return the words in lower case, without punctuation and the maker: "NVIDIA A10G" -> ["a10g"]."""
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _MAKERS]


def _list_prefixes(name: str) -> set[str]:
    """Return what the first words of a name spell: "RTX PRO 6000 Server" -> rtx, rtxpro, rtxpro6000, ..."""
    words = _split_words(name)
    return {"".join(words[:count]) for count in range(1, len(words) + 1)}
