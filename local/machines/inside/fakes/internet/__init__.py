"""Fakes of the files that setups download: archives with the same paths, but small. Their bytes never change.

The fake `curl` of the machine uses this package. So does the HTTPS server of `tests/recipes`, for scripts that run on a
real root file system.
"""

import importlib

PUBLISHERS = {
    "https://d2l.ai/": "book",
    "https://repo.anaconda.com/": "miniconda",
    "https://developer.download.nvidia.com/": "nvidia",
    "https://github.com/": "uv_release",
}
"""Module of each site. A download imports one of them, because their imports take longer than the download."""


def find_content(url: str) -> bytes | None:
    """Return the file at a URL; None if no publisher of this package has it."""
    for site, module in PUBLISHERS.items():
        if url.startswith(site):
            content: bytes | None = importlib.import_module(f"{__name__}.{module}").find_content(url)
            return content
    return None
