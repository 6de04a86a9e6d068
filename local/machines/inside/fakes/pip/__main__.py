"""Fake `pip install NAME[==VERSION] ...` in a virtual environment: installs the host's packages, prints pip's messages.

Each file of a distribution and of its requirements is linked into the environment, and its console scripts are
written. So only installed packages can be imported, and nothing of the host can be changed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, host_packages

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
    """Run pip. Exit codes are its own: 0, or 1 for a package that does not exist."""
    words = list(arguments)
    if "--version" in words or "-V" in words:
        print(f"pip {__version__} from {__file__} (python {sys.version_info[0]}.{sys.version_info[1]})")
        return 0
    verb, *rest = [word for word in words if not word.startswith("-")] or ["help"]
    match verb:
        case "install":
            quiet = any(word in ("-q", "-qq", "--quiet") for word in words)
            return _install(_read_requirements(words[words.index("install") + 1 :]), quiet=quiet)
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


def _install(requirements: Sequence[str], *, quiet: bool) -> int:
    new: list[str] = []
    for requirement in requirements:
        try:
            added = host_packages.install(requirement)
        except host_packages.PackageNotFound as missing:
            print(
                f"ERROR: Could not find a version that satisfies the requirement {missing.requirement} "
                f"(from versions: {missing.versions})\n"
                f"ERROR: No matching distribution found for {missing.requirement}",
                file=sys.stderr,
            )
            return 1
        if not added and not quiet:
            print(f"Requirement already satisfied: {requirement} in {sys.prefix}")
        new.extend(added)
    if new and not quiet:
        print(f"Successfully installed {' '.join(sorted(new))}")
    return 0


def _show(names: Sequence[str]) -> int:
    installed = {
        host_packages.normalize_name(name): (name, version) for name, version in host_packages.list_installed()
    }
    missing = [name for name in names if host_packages.normalize_name(name) not in installed]
    for name in names:
        if host_packages.normalize_name(name) in installed:
            print("Name: {}\nVersion: {}".format(*installed[host_packages.normalize_name(name)]))
    if missing:
        print(f"WARNING: Package(s) not found: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
