"""Installed distributions: their metadata, files and console scripts.

It reads only what the fake pip needs. importlib.metadata takes several times as long, because it parses descriptions.
"""

from pathlib import Path
from typing import NamedTuple

from .requirements import normalize_name


class ConsoleScript(NamedTuple):
    """A console script: `name = module:call`."""

    name: str
    module: str
    call: str


class Distribution(NamedTuple):
    """A distribution.

    :param folder: its `.dist-info`
    :param requirements: values of Requires-Dist
    """

    folder: Path
    name: str
    version: str
    requirements: tuple[str, ...]

    def list_top_paths(self) -> set[str]:
        """Return the modules and top folders of its files, and the whole paths of files outside site-packages."""
        paths = (line.split(",")[0] for line in _read_lines(self.folder / "RECORD"))
        return {path if path.startswith("..") else path.partition("/")[0] for path in paths if path}

    def list_console_scripts(self) -> list[ConsoleScript]:
        """Return its console scripts."""
        scripts, section = [], ""
        for line in _read_lines(self.folder / "entry_points.txt"):
            name, equals, target = (part.strip() for part in line.partition("="))
            if line.startswith("["):
                section = line.strip("[] ")
            elif equals and section == "console_scripts":
                module, _, call = target.partition("[")[0].strip().partition(":")
                scripts.append(ConsoleScript(name, module, call))
        return scripts


def find_folders(site_packages: Path) -> dict[str, Path]:
    """Return the `.dist-info` folders of a site-packages folder by normalized name."""
    folders = (path for path in site_packages.iterdir() if path.name.endswith(".dist-info"))
    return {normalize_name(folder.name.partition("-")[0]): folder for folder in folders}


def read_distribution(folder: Path) -> Distribution:
    """Read the head of METADATA, which ends at the first empty line."""
    name, version, requirements = "", "", []
    for line in _read_lines(folder / "METADATA"):
        key, _, value = line.partition(": ")
        match key:
            case "Name":
                name = value
            case "Version":
                version = value
            case "Requires-Dist":
                requirements.append(value)
            case "":
                break
    return Distribution(folder, name, version, tuple(requirements))


def read_version(folder: Path) -> str:
    """Return the version of a distribution from the name of its folder."""
    return folder.name.removesuffix(".dist-info").partition("-")[2]


def _read_lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
