"""Name the accepted values of a field in an error message, the most similar ones first."""

import difflib
from collections.abc import Iterable, Sequence

MAX_NAMED = 6
"""More values make a message hard to read."""

MIN_SIMILARITY = 0.7
"""From there on, a name is probably a misspelling of the other one. "zone" and "owner" have 0.67."""


def find_similar_name(given: str, known: Iterable[str]) -> str | None:
    """Return the known name that people probably meant: a part of it, or a misspelling; None: there is none."""
    candidates = difflib.get_close_matches(given, tuple(known), cutoff=0.5)
    for name in candidates:
        similarity = difflib.SequenceMatcher(None, name, given).ratio()
        if similarity >= MIN_SIMILARITY or given in name or name in given:
            return name
    return None


def describe_accepted_values(accepted: Sequence[str], given: str = "") -> str:
    """Return the accepted values: "a, b, c", or the six most similar to `given` as in "a, b, c, d, e, f and 3 more".

    :param accepted: the values; those that are equally similar keep their order
    :param given: the value of the request; empty: none was sent
    """
    if len(accepted) <= MAX_NAMED:
        return ", ".join(accepted)
    similar = difflib.get_close_matches(given.lower(), accepted, n=MAX_NAMED, cutoff=0.6) if given else []
    named = [*similar, *(name for name in accepted if name not in similar)][:MAX_NAMED]
    return f"{', '.join(named)} and {len(accepted) - MAX_NAMED} more"
