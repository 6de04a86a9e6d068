"""Names of instances: those that we make for people and those that people give."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
"""The shape alone, in a form that JSON Schema and every regex engine understand; `is_name` knows the rest."""

NAME_LENGTHS = (3, 40)

NAME_DESCRIPTION = (
    "3 to 40 lower-case letters, digits and single hyphens, beginning with a letter and not ending in a "
    "hyphen; 'i-' and 'gd-' begin ids and no names"
)

_ID_PREFIXES = ("i-", "gd-")

ChooseWord = Callable[[Sequence[str]], str]
"""One of a sequence, as `random.Random(seed).choice` or `secrets.choice`."""


@dataclass(frozen=True)
class WordLists:
    """What friendly names are made of."""

    adjectives: tuple[str, ...]
    animals: tuple[str, ...]


def parse_word_lists(data: Mapping[str, Any]) -> WordLists:
    """The word lists from their JSON."""
    return WordLists(adjectives=tuple(data["adjectives"]), animals=tuple(data["animals"]))


def generate_name(words: WordLists, choose: ChooseWord) -> str:
    """A name such as brave-otter; whether it is still free is for the caller to find out."""
    return f"{choose(words.adjectives)}-{choose(words.animals)}"


def is_valid_name(text: str) -> bool:
    """Whether people may call an instance so."""
    shortest, longest = NAME_LENGTHS
    return (
        shortest <= len(text) <= longest
        and re.fullmatch(NAME_PATTERN[1:-1], text) is not None
        and not text.startswith(_ID_PREFIXES)
    )
