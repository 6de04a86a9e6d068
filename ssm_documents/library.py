"""The part of the shell library that one step needs: the functions it uses, without comments.

Leaving out the others has two reasons. All steps of a document share 64 KB. And lib/prelude.sh recognizes a finished
step by the hash of its text, which must not change when a function changes that the step does not use.
"""

from __future__ import annotations

import re

_FUNCTION = re.compile(r"^(?P<name>\w+)\(\) \{$\n(?P<body>.*?)^\}$\n", re.MULTILINE | re.DOTALL)
_COMMENT_OR_BLANK = re.compile(r"^\s*(#.*)?\n", re.MULTILINE)


def select_functions(library: str, script: str) -> list[str]:
    """Return the lines of the library that a script needs, in the order of the library.

    :param library: functions and commands; a function goes from `name() {` to `}`, both at the beginning of a line; no
        here-documents
    :param script: the text after the library; it decides which functions are used
    """
    bare = _COMMENT_OR_BLANK.sub("", library)
    functions = {match["name"]: match["body"] for match in _FUNCTION.finditer(bare)}
    used: set[str] = set()
    unread = [_FUNCTION.sub("", bare), script]
    while unread:
        text = unread.pop()
        new = {name for name in functions if name not in used and re.search(rf"\b{name}\b", text)}
        used |= new
        unread.extend(functions[name] for name in new)
    return _FUNCTION.sub(lambda match: match[0] if match["name"] in used else "", bare).splitlines()
