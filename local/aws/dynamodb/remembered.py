"""What moto works out anew each time although it comes out the same: worked out once.

For each call, moto lists all methods of the class that answers it. For each member of the answer, it thinks of the
names that a Python object might give it; those depend on the member and the object's class alone. It parses each update
expression twice, and whoever changes the outcome does so to a copy.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from moto.core import responses
from moto.core.serialize import XFormedAttributePicker
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

from local.aws.core.patches import Patches

PossibleKeys = Callable[[Any, Any], Iterable[str]]

_KNOWN: dict[tuple[type, Any, str], tuple[str, ...]] = {}
"""By the object's class, the member's shape (AWS's model of a service is loaded once) and its name there."""


def patch(patches: Patches) -> None:
    """Remember it."""
    patches.wrap(responses, "method_names_from_class", functools.cache)
    patches.wrap(UpdateExpressionParser, "make", functools.cache)
    patches.wrap(XFormedAttributePicker, "get_possible_keys", _remembering)


def _remembering(original: PossibleKeys) -> PossibleKeys:
    def get_possible_keys(picker: Any, context: Any) -> Iterable[str]:
        member = type(context.obj), context.shape, context.key
        keys = _KNOWN.get(member)
        if keys is None:
            keys = _KNOWN[member] = tuple(dict.fromkeys(original(picker, context)))
        return keys

    return get_possible_keys
