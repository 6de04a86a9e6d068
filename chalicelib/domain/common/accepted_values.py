"""Name the accepted values of a field in an error message, the most similar ones first."""

import difflib
from collections.abc import Sequence

MAX_NAMED = 6
"""More values make a message hard to read."""


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
