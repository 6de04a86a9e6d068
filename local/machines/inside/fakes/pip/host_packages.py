"""Packages of the host, from which the fake pip installs."""

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder, EntryPoint, MetadataPathFinder
from pathlib import Path

HOST_PACKAGES = Path("/.machine/environment", *Path(sysconfig.get_paths()["purelib"]).relative_to(sys.prefix).parts)
PACKAGES = Path(sysconfig.get_paths()["purelib"])
SCRIPTS = Path(sys.prefix, "bin")
FAKES = Path("/.machine/code/local/machines/inside/fakes")
GPU_FILE = Path("/.machine/device/gpu.json")
FAKE_DRIVERS = {"nvidia-ml-py": "pynvml.py"}
"""If the GPUs are fake, so is their library. It is linked first, so that the real one is left out."""

FAKE_PACKAGES = {
    "d2l": "d2l",
    "matplotlib": None,
    "mxnet": "mxnet",
    "mxnet-cu101": "mxnet",
    "numpy": None,
    "pandas": None,
    "pillow": None,
    "scipy": None,
    "torch": "torch",
    "torchvision": None,
}
"""Packages that are too large. Any requested version is "installed", with a small module of `packages` or none."""

FAKE_REQUIREMENTS = {"d2l": "ipykernel"}
"""The requirement comes by way of the metapackage `jupyter`."""

ALWAYS_PRESENT = frozenset({"pip", "setuptools", "wheel"})
"""Packages that setup scripts upgrade as a matter of course. There is nothing to link."""

SCRIPT = """#!{python}
import sys
from {module} import {top}
if __name__ == "__main__":
    sys.exit({call}())
"""


class PackageNotFound(Exception):
    """The host does not have the package.

    :ivar requirement: as it was requested
    :ivar versions: available versions, or `none`
    """

    def __init__(self, requirement: str, versions: str) -> None:
        """Create the error."""
        super().__init__(requirement)
        self.requirement = requirement
        self.versions = versions


def normalize_name(name: str) -> str:
    """Return a distribution's name in the form in which PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def list_installed() -> list[tuple[str, str]]:
    """Return names and versions of the distributions in this environment."""
    found = Distribution.discover(path=[str(PACKAGES)])
    return sorted((each.metadata["Name"], each.version) for each in found)


def install(requirement: str) -> list[str]:
    """Install a requirement and what it requires.

    :returns: `name-version` of each distribution that was not installed before
    :raises PackageNotFound: the host does not have it
    """
    versions = {normalize_name(name): version for name, version in list_installed()}
    present = set(versions)
    name, _, specifier = _parse(requirement)
    if name in FAKE_PACKAGES and name not in present:
        needed = install(FAKE_REQUIREMENTS[name]) if name in FAKE_REQUIREMENTS else []
        return [_create_fake(name, specifier.removeprefix("==")), *needed]
    if name in versions and not _matches_specifier(specifier, versions[name]):
        raise PackageNotFound(requirement, versions[name])
    added: list[str] = []
    waiting = [requirement]
    while waiting:
        name, extras, specifier = _parse(waiting.pop())
        if name in present | ALWAYS_PRESENT:
            continue
        present.add(name)
        distribution = _find_distribution(name, specifier, requirement)
        if distribution is None:
            continue
        _link_files(distribution)
        added.append(f"{distribution.metadata['Name']}-{distribution.version}")
        waiting.extend(_list_requirements(distribution, extras))
    return added


def _parse(requirement: str) -> tuple[str, set[str], str]:
    match = re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*\(?([^;)]*)", requirement)
    if match is None:
        raise PackageNotFound(requirement, "none")
    extras = {extra.strip() for extra in (match[2] or "").split(",") if extra.strip()}
    return normalize_name(match[1]), extras, match[3].strip()


def _find_distribution(name: str, specifier: str, requirement: str) -> Distribution | None:
    """Return the host's distribution; None if it is only a requirement of another one, for another platform."""
    found = next(iter(MetadataPathFinder.find_distributions(_build_context(name))), None)
    directly = normalize_name(_parse(requirement)[0]) == name
    if found is None:
        if directly:
            raise PackageNotFound(requirement, "none")
        return None
    if directly and not _matches_specifier(specifier, found.version):
        raise PackageNotFound(requirement, found.version)
    return found


def _build_context(name: str) -> DistributionFinder.Context:
    return DistributionFinder.Context(name=name, path=[str(HOST_PACKAGES)])


def _matches_specifier(specifier: str, version: str) -> bool:
    """Return whether each clause of the specifier matches. Only numbers count: a fake needs no pre-releases."""
    return all(_matches_clause(clause.strip(), version) for clause in specifier.split(",") if clause.strip())


def _matches_clause(clause: str, version: str) -> bool:
    match = re.fullmatch(r"(===?|!=|>=|<=|~=|>|<)\s*([\w.*+!-]+)", clause)
    if match is None:
        return True
    sign, bound = match[1], match[2]
    present_numbers, bound_numbers = _parse_version(version), _parse_version(bound)
    same = (
        present_numbers[: len(bound_numbers)] == bound_numbers
        if bound.endswith("*")
        else _pad(present_numbers) == _pad(bound_numbers)
    )
    ordered = {
        ">=": present_numbers >= bound_numbers,
        "<=": present_numbers <= bound_numbers or same,
        ">": present_numbers > bound_numbers and not same,
        "<": present_numbers < bound_numbers,
    }
    if sign == "~=":
        return present_numbers >= bound_numbers and present_numbers[: len(bound_numbers) - 1] == bound_numbers[:-1]
    return not same if sign == "!=" else same if sign.startswith("==") else ordered[sign]


def _parse_version(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", re.split(r"[a-z*+]", version)[0])]


def _pad(numbers: list[int]) -> list[int]:
    return numbers + [0] * (8 - len(numbers))


def _list_requirements(distribution: Distribution, extras: set[str]) -> Iterator[str]:
    """Yield what a distribution requires without an extra, or with one of these extras.

    Other markers do not matter: what the host does not have is left out.
    """
    for line in distribution.requires or []:
        requirement, _, marker = line.partition(";")
        marker_extras = set(re.findall(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker))
        if not marker_extras or marker_extras & extras:
            yield requirement


def _link_files(distribution: Distribution) -> None:
    """Link the files of RECORD: packages as folders, data files one by one. Write the scripts anew."""
    driver = FAKE_DRIVERS.get(normalize_name(distribution.metadata["Name"]))
    if driver and GPU_FILE.exists():
        _symlink(PACKAGES / driver, FAKES / driver)
    for file in {_find_top(Path(str(path))) for path in distribution.files or []}:
        if file.parts[:1] == ("..",):
            inside = Path(os.path.normpath(PACKAGES / file))
            source = Path(os.path.normpath(HOST_PACKAGES / file))
            if inside.parent != SCRIPTS:
                _symlink(inside, source)
        elif file.name != "__pycache__":
            _symlink(PACKAGES / file, HOST_PACKAGES / file)
    for entry in distribution.entry_points:
        if entry.group == "console_scripts":
            _write_script(entry)


def _create_fake(name: str, version: str) -> str:
    """Create the metadata of a distribution, and link its small module if there is one."""
    module = FAKE_PACKAGES[name]
    if module:
        _symlink(PACKAGES / module, FAKES / "packages" / module)
    metadata = PACKAGES / f"{name}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return f"{name}-{version}"


def _find_top(path: Path) -> Path:
    return path if path.parts[0] == ".." else Path(path.parts[0])


def _symlink(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists() and target.exists():
        link.symlink_to(target)


def _write_script(entry: EntryPoint) -> None:
    module, _, call = entry.value.partition("[")[0].strip().partition(":")
    script = SCRIPTS / entry.name
    text = SCRIPT.format(python=Path(sys.executable), module=module, top=call.split(".")[0], call=call)
    script.write_text(text)
    script.chmod(0o755)
