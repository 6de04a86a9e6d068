"""Decision which of the installed files run in Lambda. All others stay out of the zip."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath

UNUSED_FOLDERS = frozenset({"bin", "boto3/data", "boto3/examples"})
"""Programs of the command line; data of boto3's resources, which the product does not use."""

TYPE_FILES = frozenset({".pyi", ".typed"})

INSTALLER_FILES = frozenset({"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "entry_points.txt"})
"""Files of a `.dist-info` for installers. Licenses stay, and METADATA stays: scanners read the versions there."""

BOTOCORE_DATA = "botocore/data"
API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
EXAMPLES = "examples-1.json"
"""Examples for the documentation of a client."""


def build_filter(
    files: Iterable[str], services: Collection[str], chalice_modules: Collection[str]
) -> Callable[[str], bool]:
    """Return a function that decides whether a file belongs into the zip.

    :param files: all installed files, relative to their folder, with slashes
    :param services: the AWS services that the code calls
    :param chalice_modules: the files of Chalice that run in Lambda
    """
    newest = _find_newest_versions(files)

    def is_needed(file: str) -> bool:
        path = PurePosixPath(file)
        folders = {str(parent) for parent in path.parents}
        if path.name.startswith(".") or path.suffix in TYPE_FILES or folders & UNUSED_FOLDERS:
            return False
        if path.parts[0].endswith(".dist-info"):
            return path.name not in INSTALLER_FILES
        if path.parts[0] == "chalice":
            return file in chalice_modules
        if BOTOCORE_DATA in folders:
            return _is_needed_data(path, services, newest)
        return True

    return is_needed


def _find_newest_versions(files: Iterable[str]) -> dict[str, str]:
    """Return the newest version of each service's API: the only one that a client uses."""
    newest: dict[str, str] = {}
    for file in files:
        match PurePosixPath(file).parts:
            case ("botocore", "data", service, version, _) if API_VERSION.fullmatch(version):
                newest[service] = max(version, newest.get(service, ""))
    return newest


def _is_needed_data(path: PurePosixPath, services: Collection[str], newest: Mapping[str, str]) -> bool:
    match path.parts[2:]:
        case (service, version, name):
            return service in services and version == newest[service] and name != EXAMPLES
        case _:
            return True
