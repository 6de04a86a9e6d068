"""The argument OWNER of the commands for tokens."""

import re

from chalicelib.api.request_models import OWNER_DESCRIPTION, OWNER_PATTERN
from tools.aws_account import fail


def check_owner(owner: str, usage: str) -> None:
    """Check that the argument is the name of an owner.

    :param usage: how to run the command, for the message
    :raises SystemExit: it is missing or invalid
    """
    if not owner:
        fail(f"OWNER is missing. {usage}")
    if not re.fullmatch(OWNER_PATTERN, owner):
        fail(f"OWNER must be {OWNER_DESCRIPTION}, not {owner!r}. {usage}")
