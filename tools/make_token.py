"""Create a bearer token and print it: `make token OWNER=ada ROLE=user`. gpudesk stores only the hash of the token.

The environment selects the tables: AWS_ENDPOINT_URL those of the local cloud, AWS credentials those of an account.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.access.actor import Role
from chalicelib.domain.common.deadlines import TOKEN_VALID_FOR
from chalicelib.domain.common.timeline import SYSTEM_ACTOR
from chalicelib.store.tokens import TokenRepository
from tools.aws_account import connect_account_tables, exit_on_aws_errors, fail, read_clock
from tools.owner_argument import check_owner

ROLES = ", ".join(list(Role)[:-1]) + f" or {list(Role)[-1]}"
USAGE = f"Run: make token OWNER=ada [ROLE=user] (ROLE: {ROLES}; for the local cloud also LOCAL=http://127.0.0.1:4566)"


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """Arguments of the command."""

    owner: str
    role: Role
    valid_for: timedelta


def main(arguments: Sequence[str] | None = None) -> None:
    """Create a token and print it.

    :raises SystemExit: an argument is invalid, or AWS cannot be used
    """
    request = _parse_arguments(arguments)
    command = f"make token OWNER={request.owner}"
    with exit_on_aws_errors(command):
        connect_account_tables(command)
        now = read_clock().now()
        token = TokenRepository().create(request.owner, request.role, now=now, valid_for=request.valid_for)
    sys.stdout.write(f"{token}\n")


def _parse_arguments(arguments: Sequence[str] | None) -> TokenRequest:
    """Return the checked arguments. The messages name the variables of `make token`."""
    parser = argparse.ArgumentParser(prog="make_token", description=__doc__)
    parser.add_argument("owner", help="owner of the token, for example ada")
    parser.add_argument("--role", default=Role.USER, help=f"{ROLES} (default: user)")
    parser.add_argument("--days", default=str(TOKEN_VALID_FOR.days), help="lifetime in days (default: %(default)s)")
    options = parser.parse_args(arguments)
    check_owner(options.owner, USAGE)
    if options.owner == SYSTEM_ACTOR:
        fail(f"OWNER must not be {SYSTEM_ACTOR}, because timelines name gpudesk's own decisions so.")
    if options.role not in set(Role):
        fail(f"ROLE must be {ROLES}, not {options.role!r}.")
    if not re.fullmatch("[0-9]{1,5}", options.days) or int(options.days) < 1:
        fail(f"--days must be a number of days from 1 to 99999, not {options.days!r}.")
    return TokenRequest(owner=options.owner, role=Role(options.role), valid_for=timedelta(days=int(options.days)))


if __name__ == "__main__":
    main()
