"""Revoke all bearer tokens of an owner, for example after one was stolen: `make revoke-tokens OWNER=ada`.

The environment selects the tables: AWS_ENDPOINT_URL those of the local cloud, AWS credentials those of an account.
"""

import argparse
import sys
from collections.abc import Sequence

from chalicelib.store.tokens import TokenRepository
from tools.aws_account import connect_account_tables, exit_on_aws_errors
from tools.owner_argument import check_owner

USAGE = "Run: make revoke-tokens OWNER=ada (for the local cloud also LOCAL=http://127.0.0.1:4566)"

NO_TOKENS = 1
"""Exit status if the owner has no token, because the name may be misspelled."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Delete the tokens, print their ids and return the exit status.

    :raises SystemExit: an argument is invalid, or AWS cannot be used
    """
    parser = argparse.ArgumentParser(prog="revoke_tokens", description=__doc__)
    parser.add_argument("owner", help="owner of the tokens, for example ada")
    owner = parser.parse_args(arguments).owner
    check_owner(owner, USAGE)
    command = f"make revoke-tokens OWNER={owner}"
    with exit_on_aws_errors(command):
        connect_account_tables(command)
        revoked = TokenRepository().delete_all(owner)
    if not revoked:
        sys.stderr.write(f"{owner} has no tokens.\n")
        return NO_TOKENS
    for token in revoked:
        sys.stdout.write(f"Revoked {token.token_id} ({token.role}), valid until {token.expires_at:%Y-%m-%d}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
