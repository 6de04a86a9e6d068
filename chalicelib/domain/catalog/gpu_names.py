"""How people write the names of GPUs: letter case, punctuation and the maker's name do not count."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_MAKERS = frozenset({"nvidia", "tesla", "geforce", "amd"})


def match_names(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that begin with the words of the text: "rtx-pro 6000" is "RTX PRO 6000 Server"."""
    change = "".join(_split_words(text))
    return tuple(name for name in names if change in _list_prefixes(name))


def suggest_names(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that look most like it, at most three, best first."""
    by_spelling = {"".join(_split_words(name)): name for name in names}
    return tuple(
        by_spelling[close_match]
        for close_match in difflib.get_close_matches("".join(_split_words(text)), by_spelling, n=3)
    )


def is_same_gpu(device: str, name: str) -> bool:
    """Whether a driver's name of a device is that of the GPU: "NVIDIA A100-SXM4-40GB" is an "A100 40GB"."""
    return set(_split_words(name)) <= set(_split_words(device))


def _split_words(text: str) -> list[str]:
    """Lower case, without punctuation and the maker: "NVIDIA A10G" -> ["a10g"]."""
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _MAKERS]


def _list_prefixes(name: str) -> set[str]:
    """What a name's first words spell: "RTX PRO 6000 Server" -> rtx, rtxpro, rtxpro6000, ..."""
    words = _split_words(name)
    return {"".join(words[:count]) for count in range(1, len(words) + 1)}
