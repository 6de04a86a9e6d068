"""The shell library of a document: the functions that its steps use, without comments.

All steps of a document share 64 KB, so the first step carries the library once, compressed, and writes it to the
instance. Every step checks its hash and sources it from there. The name of the file contains the hash: documents of
different versions do not overwrite each other's libraries, and a step never runs with the functions of another version.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator, Sequence

LIBRARY_FOLDER = "/var/lib/gpudesk/library"

LOADING_LINE = '. "$GPUDESK_LIBRARY"'
"""The last of the lines that load the library. The script of the step follows."""

_FUNCTION = re.compile(r"^(?P<name>\w+)\(\) \{$\n(?P<body>.*?)^\}$\n", re.MULTILINE | re.DOTALL)
_COMMENT_OR_BLANK = re.compile(r"^\s*(#.*)?\n", re.MULTILINE)
_HERE_DOCUMENT = re.compile(r"(?<![<(])<<(?!<)\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)")
_WORD = re.compile(r"\w+")
_LINE_LENGTH = 1000


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
        words = set(_WORD.findall(unread.pop()))
        new = {name for name in functions if name not in used and name in words}
        used |= new
        unread.extend(functions[name] for name in new)
    return _FUNCTION.sub(lambda match: match[0] if match["name"] in used else "", bare).splitlines()


def remove_functions(library: str) -> list[str]:
    """Return the lines of the library outside its functions."""
    return _FUNCTION.sub("", _COMMENT_OR_BLANK.sub("", library)).splitlines()


def remove_commands(library: str) -> str:
    """Return the functions of the library."""
    return "".join(match[0] for match in _FUNCTION.finditer(_COMMENT_OR_BLANK.sub("", library)))


def remove_comments(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a script without comments and blank lines. Here-documents and shellcheck's directives stay."""
    end = None
    for line in lines:
        if end is not None:
            end = None if line == end else end
            yield line
        elif not _COMMENT_OR_BLANK.fullmatch(f"{line}\n") or re.match(r"\s*# shellcheck (?!source-path)", line):
            here_document = _HERE_DOCUMENT.search(line)
            end = here_document["end"] if here_document else None
            yield line


def build_loading_lines(library: str, *, is_first_step: bool) -> list[str]:
    """Return the lines with which a step loads the library of its document.

    The first step carries the library. It writes the file before anything else, so also if the step itself is skipped.

    :param library: the text of the library
    """
    library_hash = hashlib.sha256(library.encode()).hexdigest()
    return [
        f"GPUDESK_LIBRARY={LIBRARY_FOLDER}/{library_hash}.sh",
        'gpudesk_has_library() { local hash=${GPUDESK_LIBRARY##*/}; echo "${hash%.sh}  $GPUDESK_LIBRARY" | '
        "sha256sum -c --status; }",
        *(_build_installing_lines(library) if is_first_step else ()),
        'gpudesk_has_library 2>/dev/null || { echo "gpudesk: $GPUDESK_LIBRARY is missing or damaged. Check whether the '
        'disk is full (df -h /)." >&2; exit 1; }',
        LOADING_LINE,
    ]


def _build_installing_lines(library: str) -> list[str]:
    """Return the lines that write the library in one step. Two runs at the same time write different files."""
    # Without a time, the same library always gives the same bytes.
    text = base64.b64encode(gzip.compress(library.encode(), mtime=0)).decode("ascii")
    return [
        "umask 022",
        "gpudesk_has_library 2>/dev/null || {",
        f"  mkdir -p {LIBRARY_FOLDER}",
        '  base64 -d <<\'LIBRARY\' | gzip -d >"$GPUDESK_LIBRARY.$$" && mv -f "$GPUDESK_LIBRARY.$$" "$GPUDESK_LIBRARY"',
        *(text[start : start + _LINE_LENGTH] for start in range(0, len(text), _LINE_LENGTH)),
        "LIBRARY",
        "} || true",
    ]
