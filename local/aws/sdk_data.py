"""The SDK's descriptions of services, loaded once per process.

Each session of the SDK loads its own copy. moto creates many sessions, some of them when its modules are imported, and
the description of EC2 alone has 4 MB.
"""

import functools
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


class SharedFileLoader(JSONFileLoader):
    """A loader of JSON files that remembers their content for all sessions. They only read it."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file; None if it does not exist.

        :param file_path: without the suffix
        """
        return _load_once(file_path)


@functools.cache
def _load_once(file_path: str) -> Any:
    return JSONFileLoader().load_file(file_path)


def share_sdk_data() -> None:
    """Make all sessions that are created from now on use the shared descriptions."""
    Loader.FILE_LOADER_CLASS = SharedFileLoader
