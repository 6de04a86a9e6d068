"""Errors of the commands that prepare a deployment."""


class PackagingFailed(Exception):
    """The package cannot be built. The message says what is wrong and what to do."""
