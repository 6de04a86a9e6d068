"""Create a bearer token and print it: `make token OWNER=ada ROLE=user`. gpudesk stores only the hash of the token.

The environment selects the tables: AWS_ENDPOINT_URL those of the local cloud, AWS credentials those of an account.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from chalicelib.api.common_schemas import OWNER_DESCRIPTION, OWNER_PATTERN
from chalicelib.domain.access.actor import Role
from chalicelib.store.tokens import TokenRepository


def main(arguments: Sequence[str] | None = None) -> None:
    """Create a token and print it.

    :raises SystemExit: an argument is invalid
    """
    options = _parse_arguments(arguments)
    token = TokenRepository().create(
        options.owner, options.role, now=datetime.now(UTC), valid_for=timedelta(days=options.days)
    )
    sys.stdout.write(f"{token}\n")


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make_token", description=__doc__)
    parser.add_argument("owner", type=_parse_owner, help="owner of the token, for example ada")
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.USER, help="role (default: user)")
    parser.add_argument("--days", type=_parse_days, default=90, help="lifetime in days (default: 90)")
    return parser.parse_args(arguments)


def _parse_owner(text: str) -> str:
    if not re.fullmatch(OWNER_PATTERN, text):
        raise argparse.ArgumentTypeError(f"must be {OWNER_DESCRIPTION}, not {text!r}")
    return text


def _parse_days(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number of days, 1 or more, not {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
