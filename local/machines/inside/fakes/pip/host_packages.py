"""Packages of the host, which the fake pip links into an environment."""

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from .distributions import ConsoleScript, Distribution, find_folders, read_distribution, read_version
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
    distributions = map(read_distribution, find_folders(PACKAGES).values())
    return sorted((distribution.name, distribution.version) for distribution in distributions)


class Installer:
    """Installer for one run of pip."""

    def __init__(self) -> None:
        """Find the packages of this environment and those of the host."""
        self._versions = {name: read_version(folder) for name, folder in find_folders(PACKAGES).items()}
        self._host_folders = find_folders(HOST_PACKAGES)

    def install(self, requirement: str) -> list[str]:
        """Install a requirement and its own requirements.

        :returns: `name-version` of each distribution that was not installed before
        :raises PackageNotFound: the host does not have it
        """
        name, _, specifier = parse_requirement(requirement)
        if name in FAKE_PACKAGES and name not in self._versions:
            version = specifier.removeprefix("==")
            needed = self.install(FAKE_REQUIREMENTS[name]) if name in FAKE_REQUIREMENTS else []
            self._versions[name] = version
            return [_create_fake(name, version), *needed]
        if name in self._versions and not matches_specifier(specifier, self._versions[name]):
            raise PackageNotFound(requirement, self._versions[name])
        added: list[str] = []
        waiting = [requirement]
        while waiting:
            name, extras, specifier = parse_requirement(waiting.pop())
            if name in ALWAYS_PRESENT or name in self._versions:
                continue
            distribution = self._find_distribution(name, specifier, requirement)
            if distribution is None:
                continue
            self._versions[name] = distribution.version
            _link_files(distribution)
            added.append(f"{distribution.name}-{distribution.version}")
            waiting.extend(_list_requirements(distribution, extras))
        return added

    def _find_distribution(self, name: str, specifier: str, requirement: str) -> Distribution | None:
        """Return the distribution of the host; None if it lacks one that only another distribution requires.

        :raises PackageNotFound: the host lacks the requested distribution or its version
        """
        folder = self._host_folders.get(name)
        is_requested = parse_requirement(requirement)[0] == name
        if folder is None:
            if is_requested:
                raise PackageNotFound(requirement, "none")
            return None
        if is_requested and not matches_specifier(specifier, read_version(folder)):
            raise PackageNotFound(requirement, read_version(folder))
        return read_distribution(folder)


def _list_requirements(distribution: Distribution, extras: set[str]) -> Iterator[str]:
    """Yield the requirements of a distribution without an extra, or with one of these extras.

    Other markers are ignored, because packages that the host lacks are skipped.
    """
    for line in distribution.requirements:
        requirement, _, marker = line.partition(";")
        marker_extras = set(re.findall(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker))
        if not marker_extras or marker_extras & extras:
            yield requirement


def _link_files(distribution: Distribution) -> None:
    """Link the files of RECORD, a package as one folder, and write the console scripts."""
    driver = FAKE_DRIVERS.get(normalize_name(distribution.name))
    if driver and GPU_FILE.exists():
        _symlink(PACKAGES / driver, FAKES / driver)
    for path in distribution.list_top_paths():
        if path.startswith(".."):
            inside = Path(os.path.normpath(PACKAGES / path))
            source = Path(os.path.normpath(HOST_PACKAGES / path))
            if inside.parent != SCRIPTS:
                _symlink(inside, source)
        elif path != "__pycache__":
            _symlink(PACKAGES / path, HOST_PACKAGES / path)
    for script in distribution.list_console_scripts():
        _write_script(script)


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


def _symlink(link: Path, target: Path) -> None:
    if target.exists():
        try:
            link.symlink_to(target)
        except FileNotFoundError:
            link.parent.mkdir(parents=True)
            link.symlink_to(target)
        except FileExistsError:
            pass


def _write_script(console_script: ConsoleScript) -> None:
    name, module, call = console_script
    script = SCRIPTS / name
    script.write_text(SCRIPT.format(python=Path(sys.executable), module=module, top=call.split(".")[0], call=call))
    script.chmod(0o755)
