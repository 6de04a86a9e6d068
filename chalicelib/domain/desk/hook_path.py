"""The path of a before-stop hook: which paths are accepted, and why no command text is.

A path under the home folder names a program that the user of the instance has put there. Command text would let
whoever holds a token run anything on the instance.
"""

import re

from chalicelib.domain.idle.heartbeat_response import HOOK_FOLDER

MAX_RELATIVE_LENGTH = 40
"""Length of the path after HOOK_FOLDER. The heartbeat response carries it and has little room."""

MAX_HOOK_LENGTH = len(HOOK_FOLDER) + MAX_RELATIVE_LENGTH

_NAME = r"\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,39}"

HOOK_PATTERN = rf"^{HOOK_FOLDER}(?:{_NAME}/){{0,19}}{_NAME}$"
"""No part of the path can be `.` or `..`, and no character has a meaning in a shell.

The document gpudesk-before-stop has the same pattern."""

HOOK_DESCRIPTION = (
    f"the path of a program: {HOOK_FOLDER} and 1 to {MAX_RELATIVE_LENGTH} letters, digits and . _ - /, without .., "
    "e.g. /home/ubuntu/save.sh"
)

_COMPILED = re.compile(HOOK_PATTERN)


def is_hook_path(path: str) -> bool:
    """Return whether a path can be that of a hook."""
    return len(path) <= MAX_HOOK_LENGTH and _COMPILED.fullmatch(path) is not None
