"""The shell library as one step carries it: the functions that the step uses, without the words.

A document has 64 KB for all its steps; and the mark of a step (lib/prelude.sh) is a hash of its text, which a function
that it does not use has no part in.
"""

from __future__ import annotations

import re

_FUNCTION = re.compile(r"^(?P<name>\w+)\(\) \{$\n(?P<body>.*?)^\}$\n", re.MULTILINE | re.DOTALL)
_DESCRIPTION = re.compile(r"^\s*(#.*)?\n", re.MULTILINE)


def select_functions(library: str, script: str) -> list[str]:
    """The library's lines, in its order.

    :param library: functions and commands, each function from `name() {` to `}` at the beginning of a line; nothing in
        it is a here-document
    :param script: what comes after it
    """
    bare = _DESCRIPTION.sub("", library)
    functions = {match["name"]: match["body"] for match in _FUNCTION.finditer(bare)}
    used: set[str] = set()
    waiting = [_FUNCTION.sub("", bare), script]
    while waiting:
        text = waiting.pop()
        new = {name for name in functions if name not in used and re.search(rf"\b{name}\b", text)}
        used |= new
        waiting.extend(functions[name] for name in new)
    return _FUNCTION.sub(lambda match: match[0] if match["name"] in used else "", bare).splitlines()
