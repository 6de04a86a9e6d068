"""The lock of all versions, `requirements-dev.txt`, and the part of it that runs in Lambda.

Tests and the zip use the same versions, because both come from the same lines.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.errors import PackagingFailed
from deploy.lambda_runtime import MARKERS

CHALICE = "chalice"
"""The package whose requirements the zip leaves out: they are for its command line, which the zip leaves out, too."""

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")


@dataclass(frozen=True)
class Pin:
    """One locked package.

    :param lines: its lines in the lock, with the hashes of its files
    """

    name: str
    version: str
    lines: str


def parse_lock(text: str) -> Mapping[str, Pin]:
    """Return the pins of a lock by name.

    :raises PackagingFailed: a line is no pin, or has no hash, so that the files could not be checked
    """
    pins: dict[str, Pin] = {}
    for lines in re.split(r"\n(?=[^\s#])", text.strip()):
        match = PIN.match(lines)
        if match is None:
            raise PackagingFailed(
                f"The lock has a line that is no pin: {lines.partition(chr(10))[0]!r}. Run make lock."
            )
        name = canonicalize_name(match["name"])
        if "--hash=" not in lines:
            raise PackagingFailed(f"The lock has no hash of {name}, so its files cannot be checked. Run make lock.")
        if _applies_to_lambda(lines):
            pins[name] = Pin(name, match["version"], lines)
    return pins


def _applies_to_lambda(lines: str) -> bool:
    requirement = Requirement(lines.partition("\n")[0].removesuffix("\\").strip())
    return requirement.marker is None or requirement.marker.evaluate(MARKERS)


def parse_requirements(text: str) -> list[str]:
    """Return the names of the packages in `requirements.txt`.

    :raises PackagingFailed: a line has an extra, whose requirements would be missing in the zip
    """
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    requirements = [Requirement(line) for line in lines if line]
    for requirement in requirements:
        _refuse_extras(requirement, "requirements.txt")
    return [canonicalize_name(requirement.name) for requirement in requirements]


def list_dependencies(name: str) -> list[str]:
    """Return what an installed package requires in Lambda.

    :raises PackagingFailed: it requires the extra of a package, whose requirements would be missing in the zip
    """
    if name == CHALICE:
        return []
    requirements = [
        requirement
        for requirement in map(Requirement, metadata.requires(name) or ())
        if requirement.marker is None or requirement.marker.evaluate(MARKERS)
    ]
    for requirement in requirements:
        _refuse_extras(requirement, name)
    return [canonicalize_name(requirement.name) for requirement in requirements]


def _refuse_extras(requirement: Requirement, source: str) -> None:
    if requirement.extras:
        raise PackagingFailed(f"{source} requires {requirement}. Extras are not supported: require what it needs.")


def find_runtime_packages(names: Iterable[str]) -> list[str]:
    """Return the packages and everything that they require in Lambda, sorted.

    :param names: the packages of `requirements.txt`
    :raises PackagingFailed: a package is not installed in this environment, or requires an extra
    """
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            waiting += list_dependencies(name)
        except metadata.PackageNotFoundError as error:
            raise PackagingFailed(
                f"{name} is not installed, so its requirements are unknown. Run make setup."
            ) from error
    return sorted(found)


def select_runtime_lock(lock: str, requirements: str) -> str:
    """Return the part of the lock that runs in Lambda, with all hashes.

    :raises PackagingFailed: a package is not locked, or not installed in this environment in the locked version
    """
    pins = parse_lock(lock)
    names = find_runtime_packages(parse_requirements(requirements))
    if missing := [name for name in names if name not in pins]:
        raise PackagingFailed(f"The lock does not pin {', '.join(missing)}. Run make lock.")
    check_installed(pins[name] for name in names)
    return "".join(f"{pins[name].lines}\n" for name in names)


def check_installed(pins: Iterable[Pin]) -> None:
    """Check that the installed packages, whose requirements were read, have the locked versions.

    :raises PackagingFailed: one has another version, and could require something else
    """
    for pin in pins:
        installed = metadata.version(pin.name)
        if installed != pin.version:
            raise PackagingFailed(f"{pin.name} {installed} is installed and {pin.version} is locked. Run make setup.")
