"""Names of instances: generate one, and check one that a person chose."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
"""The pattern, in a form that JSON Schema and every regex engine understand. `is_valid_name` checks the rest."""

NAME_LENGTHS = (3, 40)

NAME_DESCRIPTION = (
    "3 to 40 lower-case letters, digits and single hyphens, starting with a letter, not ending with a hyphen, not "
    "starting with i- or gd-, and not the word adopt"
)

_PLAIN_TEXT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")

_ID_PREFIXES = ("i-", "gd-")

_RESERVED_NAMES = frozenset({"adopt"})
"""Names that are segments of paths of the API: POST /instances/adopt."""

ChooseWord = Callable[[Sequence[str]], str]
"""Function that chooses one of a sequence, such as `random.Random(seed).choice` or `secrets.choice`."""


@dataclass(frozen=True)
class WordLists:
    """The words of which names are generated."""

    adjectives: tuple[str, ...]
    animals: tuple[str, ...]


def parse_word_lists(data: Mapping[str, Any]) -> WordLists:
    """Return the word lists of a parsed JSON file."""
    return WordLists(adjectives=tuple(data["adjectives"]), animals=tuple(data["animals"]))


def generate_name(words: WordLists, choose: ChooseWord) -> str:
    """Return a name such as brave-otter. The caller checks that it is not in use."""
    return f"{choose(words.adjectives)}-{choose(words.animals)}"


def is_plain(tag: str) -> bool:
    """Return whether a tag can be an id, a name or an owner: people paste those into shells and ssh configurations."""
    return _PLAIN_TEXT_PATTERN.fullmatch(tag) is not None


def is_valid_name(text: str) -> bool:
    """Return whether a person may give an instance this name."""
    shortest, longest = NAME_LENGTHS
    return (
        shortest <= len(text) <= longest
        and re.fullmatch(NAME_PATTERN[1:-1], text) is not None
        and not text.startswith(_ID_PREFIXES)
        and text not in _RESERVED_NAMES
    )
