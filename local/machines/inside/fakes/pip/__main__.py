"""Fake pip in a virtual environment: it installs packages of the host and prints the messages of pip.

It links each file of a distribution and of its requirements into the environment, and writes the console scripts. So
only installed packages can be imported, and the files of the host cannot be changed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, host_packages
from .requirements import PackageNotFound, normalize_name

OPTIONS_WITH_VALUE = (
    "-r",
    "--requirement",
    "-i",
    "--index-url",
    "--extra-index-url",
    "--index",
    "--timeout",
    "-c",
)


def main(arguments: Sequence[str]) -> int:
    """Run pip, and return its exit code: 0, or 1 for a package that does not exist."""
    words = list(arguments)
    if "--version" in words or "-V" in words:
        print(f"pip {__version__} from {__file__} (python {sys.version_info[0]}.{sys.version_info[1]})")
        return 0
    verb, *rest = [word for word in words if not word.startswith("-")] or ["help"]
    match verb:
        case "install":
            is_quiet = any(word in ("-q", "-qq", "--quiet") for word in words)
            return _install(_read_requirements(words[words.index("install") + 1 :]), is_quiet=is_quiet)
        case "list" | "freeze":
            for name, version in host_packages.list_installed():
                print(f"{name}=={version}")
            return 0
        case "show":
            return _show(rest)
        case "cache" | "check" | "help":
            return 0
        case _:
            print(f'ERROR: unknown command "{verb}"', file=sys.stderr)
            return 1


def _read_requirements(words: Sequence[str]) -> list[str]:
    requirements: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("-r", "--requirement"):
            lines = (line.partition("#")[0].strip() for line in Path(next(rest)).read_text().splitlines())
            requirements.extend(line for line in lines if line and not line.startswith("-"))
        elif word in OPTIONS_WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            requirements.append(word)
    return requirements


def _install(requirements: Sequence[str], *, is_quiet: bool) -> int:
    new: list[str] = []
    installer = host_packages.Installer()
    for requirement in requirements:
        try:
            added = installer.install(requirement)
        except PackageNotFound as missing:
            print(
                f"ERROR: Could not find a version that satisfies the requirement {missing.requirement} "
                f"(from versions: {missing.versions})\n"
                f"ERROR: No matching distribution found for {missing.requirement}",
                file=sys.stderr,
            )
            return 1
        if not added and not is_quiet:
            print(f"Requirement already satisfied: {requirement} in {sys.prefix}")
        new.extend(added)
    if new and not is_quiet:
        print(f"Successfully installed {' '.join(sorted(new))}")
    return 0


def _show(names: Sequence[str]) -> int:
    installed = {normalize_name(name): (name, version) for name, version in host_packages.list_installed()}
    missing = [name for name in names if normalize_name(name) not in installed]
    for name in names:
        if normalize_name(name) in installed:
            print("Name: {}\nVersion: {}".format(*installed[normalize_name(name)]))
    if missing:
        print(f"WARNING: Package(s) not found: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
