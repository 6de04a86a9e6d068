"""Packages of the host, which the fake pip links into an environment."""

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, DistributionFinder, EntryPoint, MetadataPathFinder
from pathlib import Path

from .requirements import PackageNotFound, matches_specifier, normalize_name, parse_requirement

HOST_PACKAGES = Path("/.machine/environment", *Path(sysconfig.get_paths()["purelib"]).relative_to(sys.prefix).parts)
PACKAGES = Path(sysconfig.get_paths()["purelib"])
SCRIPTS = Path(sys.prefix, "bin")
FAKES = Path("/.machine/code/local/machines/inside/fakes")
GPU_FILE = Path("/.machine/device/gpu.json")
FAKE_DRIVERS = {"nvidia-ml-py": "pynvml.py"}
"""Fake libraries of drivers, by package. They replace the real ones on a machine with fake GPUs."""

FAKE_PACKAGES = {
    "autograd": None,
    "d2l": "d2l",
    "gpytorch": None,
    "linear-operator": None,
    "matplotlib": None,
    "mpmath": None,
    "mxnet": "mxnet",
    "mxnet-cu101": "mxnet",
    "numpy": None,
    "pandas": "pandas",
    "pillow": None,
    "scikit-learn": None,
    "scipy": None,
    "syne-tune": None,
    "torch": "torch",
    "torchvision": None,
}
"""Modules of `packages` (or None) by the packages that are too large. A fake gets the requested version."""

EMPTY_MODULES = {
    "gpytorch": ("gpytorch",),
    "matplotlib": ("matplotlib.pyplot", "mpl_toolkits.mplot3d"),
    "numpy": ("numpy",),
    "pillow": ("PIL.Image",),
    "scipy": ("scipy.optimize", "scipy.spatial", "scipy.stats"),
    "syne-tune": (
        "syne_tune.backend.python_backend",
        "syne_tune.config_space",
        "syne_tune.experiments",
        "syne_tune.optimizer.baselines",
    ),
    "torchvision": ("torchvision.transforms",),
}
"""Modules without content that exist so that they can be imported, by package."""

FAKE_REQUIREMENTS = {"d2l": "ipykernel"}
"""Requirements of fakes. The real d2l requires ipykernel through the metapackage `jupyter`."""

ALWAYS_PRESENT = frozenset({"pip", "setuptools", "wheel"})
"""Packages that setup scripts always upgrade. They are not linked."""

SCRIPT = """#!{python}
import sys
from {module} import {top}
if __name__ == "__main__":
    sys.exit({call}())
"""


def list_installed() -> list[tuple[str, str]]:
    """Return names and versions of the distributions in this environment."""
    distributions = Distribution.discover(path=[str(PACKAGES)])
    return sorted((distribution.metadata["Name"], distribution.version) for distribution in distributions)


def install(requirement: str) -> list[str]:
    """Install a requirement and its own requirements.

    :returns: `name-version` of each distribution that was not installed before
    :raises PackageNotFound: the host does not have it
    """
    versions = {normalize_name(name): version for name, version in list_installed()}
    present = set(versions)
    name, _, specifier = parse_requirement(requirement)
    if name in FAKE_PACKAGES and name not in present:
        needed = install(FAKE_REQUIREMENTS[name]) if name in FAKE_REQUIREMENTS else []
        return [_create_fake(name, specifier.removeprefix("==")), *needed]
    if name in versions and not matches_specifier(specifier, versions[name]):
        raise PackageNotFound(requirement, versions[name])
    added: list[str] = []
    waiting = [requirement]
    while waiting:
        name, extras, specifier = parse_requirement(waiting.pop())
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


def _find_distribution(name: str, specifier: str, requirement: str) -> Distribution | None:
    """Return the distribution of the host; None if it lacks one that only another distribution requires.

    :raises PackageNotFound: the host lacks the requested distribution or its version
    """
    found = next(iter(MetadataPathFinder.find_distributions(_build_context(name))), None)
    is_requested = normalize_name(parse_requirement(requirement)[0]) == name
    if found is None:
        if is_requested:
            raise PackageNotFound(requirement, "none")
        return None
    if is_requested and not matches_specifier(specifier, found.version):
        raise PackageNotFound(requirement, found.version)
    return found


def _build_context(name: str) -> DistributionFinder.Context:
    return DistributionFinder.Context(name=name, path=[str(HOST_PACKAGES)])


def _list_requirements(distribution: Distribution, extras: set[str]) -> Iterator[str]:
    """Yield the requirements of a distribution without an extra, or with one of these extras.

    Other markers are ignored, because packages that the host lacks are skipped.
    """
    for line in distribution.requires or []:
        requirement, _, marker = line.partition(";")
        marker_extras = set(re.findall(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker))
        if not marker_extras or marker_extras & extras:
            yield requirement


def _link_files(distribution: Distribution) -> None:
    """Link the files of RECORD, a package as one folder, and write the console scripts."""
    driver = FAKE_DRIVERS.get(normalize_name(distribution.metadata["Name"]))
    if driver and GPU_FILE.exists():
        _symlink(PACKAGES / driver, FAKES / driver)
    for file in {_find_top_folder(Path(str(path))) for path in distribution.files or []}:
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
    """Create the metadata of a distribution. Link its small module or create its empty modules."""
    module = FAKE_PACKAGES[name]
    if module:
        _symlink(PACKAGES / module, FAKES / "packages" / module)
    for path in EMPTY_MODULES.get(name, ()):
        folder = PACKAGES
        for part in path.split("."):
            folder /= part
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
    metadata = PACKAGES / f"{name}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return f"{name}-{version}"


def _find_top_folder(path: Path) -> Path:
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
