"""Make a bearer token: `make token OWNER=ada ROLE=user`. It is printed once; the desk keeps only its hash.

The tables are those that the environment leads to: an account's, or the local cloud's with AWS_ENDPOINT_URL.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.actor import Role
from chalicelib.store.tokens import TokenRepository


def main() -> None:
    """:raises SystemExit: the arguments are off"""
    parser = argparse.ArgumentParser(prog="make_token", description=__doc__)
    parser.add_argument("owner", help="whose it is, e.g. ada")
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.USER)
    parser.add_argument("--days", type=int, default=90, help="how long it is good for")
    asked = parser.parse_args()
    token = TokenRepository().create(asked.owner, asked.role, now=datetime.now(UTC), life=timedelta(days=asked.days))
    sys.stdout.write(f"{token}\n")


if __name__ == "__main__":
    main()
