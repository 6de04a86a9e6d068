"""Lines of the output, each printed as soon as it is known."""

import sys

from tools.mutation_check.mutations import Mutation


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def describe_result(mutation: Mutation, test: str | None) -> str:
    """Return the line of a mutant: the folder and the test that failed, or SURVIVED."""
    if test is None:
        return f"{'SURVIVED':22} {mutation}"
    return f"{get_folder(test):22} {mutation}  [{test}]"


def get_folder(test: str) -> str:
    """Return the folder below `tests` that contains a test."""
    return "/".join(test.split("/")[:2])
