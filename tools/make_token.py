"""Create a bearer token: `make token OWNER=ada ROLE=user`. It is printed once, and gpudesk stores only its hash.

The environment selects the tables: those of an AWS account, or those of the local cloud with AWS_ENDPOINT_URL.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.actor import Role
from chalicelib.store.tokens import TokenRepository


def main() -> None:
    """Create a token and print it.

    :raises SystemExit: the arguments are invalid
    """
    parser = argparse.ArgumentParser(prog="make_token", description=__doc__)
    parser.add_argument("owner", help="owner of the token, such as ada")
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.USER)
    parser.add_argument("--days", type=int, default=90, help="lifetime in days (default: 90)")
    options = parser.parse_args()
    token = TokenRepository().create(
        options.owner, options.role, now=datetime.now(UTC), valid_for=timedelta(days=options.days)
    )
    sys.stdout.write(f"{token}\n")


if __name__ == "__main__":
    main()
