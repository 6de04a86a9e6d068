"""The host's packages as a shelf to install from."""

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
HAS_GPU = Path("/.machine/device/gpu.json")
PRETEND = {"nvidia-ml-py": "pynvml.py"}
"""Where the GPUs are pretended, so is their driver's library: linked first, so that the real one is left out."""

MADE_UP = {
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
"""Too large for a pretend machine: in any version that is asked for, with a small module of `packages` or none."""

MADE_UP_NEEDS = {"d2l": "ipykernel"}
"""By way of the metapackage `jupyter`."""

BY_OTHER_MEANS = frozenset({"pip", "setuptools", "wheel"})
"""What every upgrade line of a setup script names; there is nothing to link."""

SCRIPT = """#!{python}
import sys
from {module} import {top}
if __name__ == "__main__":
    sys.exit({call}())
"""


class PackageNotFound(Exception):
    """:ivar requirement: as it was asked for; :ivar versions: those that there are, or `none`"""

    def __init__(self, requirement: str, versions: str) -> None:
        super().__init__(requirement)
        self.requirement = requirement
        self.versions = versions


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> list[tuple[str, str]]:
    """Name and version of what this environment has."""
    found = Distribution.discover(path=[str(PACKAGES)])
    return sorted((each.metadata["Name"], each.version) for each in found)


def add(requirement: str) -> list[str]:
    """Install a requirement and what it needs.

    :return: `name-version` of each distribution that was not there before
    :raises PackageNotFound: the host does not have it
    """
    versions = {canonical(name): version for name, version in installed()}
    there = set(versions)
    name, _, asked = _parse(requirement)
    if name in MADE_UP and name not in there:
        needed = add(MADE_UP_NEEDS[name]) if name in MADE_UP_NEEDS else []
        return [_make_up(name, asked.removeprefix("==")), *needed]
    if name in versions and not _allows(asked, versions[name]):
        raise PackageNotFound(requirement, versions[name])
    added: list[str] = []
    waiting = [requirement]
    while waiting:
        name, extras, asked = _parse(waiting.pop())
        if name in there | BY_OTHER_MEANS:
            continue
        there.add(name)
        distribution = _find(name, asked, requirement)
        if distribution is None:
            continue
        _link(distribution)
        added.append(f"{distribution.metadata['Name']}-{distribution.version}")
        waiting.extend(_needs(distribution, extras))
    return added


def _parse(requirement: str) -> tuple[str, set[str], str]:
    match = re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*\(?([^;)]*)", requirement)
    if match is None:
        raise PackageNotFound(requirement, "none")
    extras = {extra.strip() for extra in (match[2] or "").split(",") if extra.strip()}
    return canonical(match[1]), extras, match[3].strip()


def _find(name: str, asked: str, requirement: str) -> Distribution | None:
    """The distribution on the shelf; None where only something else needs it and only on another platform."""
    found = next(iter(MetadataPathFinder.find_distributions(_context(name))), None)
    directly = canonical(_parse(requirement)[0]) == name
    if found is None:
        if directly:
            raise PackageNotFound(requirement, "none")
        return None
    if directly and not _allows(asked, found.version):
        raise PackageNotFound(requirement, found.version)
    return found


def _context(name: str) -> DistributionFinder.Context:
    return DistributionFinder.Context(name=name, path=[str(HOST_PACKAGES)])


def _allows(asked: str, version: str) -> bool:
    """Whether each clause of the specifier holds. Numbers only: a stand-in needs no pre-releases."""
    return all(_holds(clause.strip(), version) for clause in asked.split(",") if clause.strip())


def _holds(clause: str, version: str) -> bool:
    match = re.fullmatch(r"(===?|!=|>=|<=|~=|>|<)\s*([\w.*+!-]+)", clause)
    if match is None:
        return True
    sign, bound = match[1], match[2]
    have, want = _numbers(version), _numbers(bound)
    same = have[: len(want)] == want if bound.endswith("*") else _padded(have) == _padded(want)
    ordered = {">=": have >= want, "<=": have <= want or same, ">": have > want and not same, "<": have < want}
    if sign == "~=":
        return have >= want and have[: len(want) - 1] == want[:-1]
    return not same if sign == "!=" else same if sign.startswith("==") else ordered[sign]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", re.split(r"[a-z*+]", version)[0])]


def _padded(numbers: list[int]) -> list[int]:
    return numbers + [0] * (8 - len(numbers))


def _needs(distribution: Distribution, extras: set[str]) -> Iterator[str]:
    """What it requires without an extra, or with one of those asked for. Other markers do not count: what the host
    has not got is left out."""
    for line in distribution.requires or []:
        requirement, _, marker = line.partition(";")
        wanted = set(re.findall(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker))
        if not wanted or wanted & extras:
            yield requirement


def _link(distribution: Distribution) -> None:
    """Link what RECORD lists: folders of packages as one, data files one by one, scripts written anew."""
    pretend = PRETEND.get(canonical(distribution.metadata["Name"]))
    if pretend and HAS_GPU.exists():
        _symlink(PACKAGES / pretend, FAKES / pretend)
    for file in {_piece(Path(str(path))) for path in distribution.files or []}:
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


def _make_up(name: str, version: str) -> str:
    """As much of a distribution as says that it is there."""
    module = MADE_UP[name]
    if module:
        _symlink(PACKAGES / module, FAKES / "packages" / module)
    metadata = PACKAGES / f"{name}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return f"{name}-{version}"


def _piece(path: Path) -> Path:
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
