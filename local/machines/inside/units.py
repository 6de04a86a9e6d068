"""Unit files of systemd, as far as a desk's services need them."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/run/systemd/system"), Path("/usr/local/lib/systemd/system"))
_UNITS_OF_TIME = {"us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86400}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class UnitError(Exception):
    """A unit that is not there or cannot be run, in systemctl's words."""


@dataclass(frozen=True)
class Command:
    """One line of ExecStart and its like. :param may_fail: the line began with `-`"""

    words: Sequence[str]
    may_fail: bool = False


@dataclass(frozen=True)
class Unit:
    """One service. Times in seconds. :param earlier_than: Before=, :param later_than: After="""

    name: str
    description: str
    kind: str
    before: Sequence[Command]
    main: Sequence[Command]
    after_stop: Sequence[Command]
    environment: Mapping[str, str]
    environment_files: Sequence[str]
    user: str | None
    folder: str
    restart: str
    restart_after: float
    stop_within: float
    remain: bool
    wanted_by: Sequence[str]
    required_by: Sequence[str] = ()
    earlier_than: Sequence[str] = ()
    later_than: Sequence[str] = ()
    folders: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def restarts_after(self, outcome: Literal["success", "failure"]) -> bool:
        """Whether systemd would start it again."""
        return self.restart in ("always", f"on-{outcome}")


def full_name(name: str) -> str:
    """`jupyter` and `jupyter.service` are the same unit."""
    return name if "." in name else f"{name}.service"


def find(name: str) -> Path:
    """:raises UnitError: no unit file of that name"""
    for folder in UNIT_FOLDERS:
        if (folder / full_name(name)).is_file():
            return folder / full_name(name)
    raise UnitError(f"Unit {full_name(name)} could not be found.")


def load(name: str) -> Unit:
    """:raises UnitError: there is none, or it says nothing that can be started"""
    path = find(name)
    settings = parse(path.read_text())
    one = {key: values[-1] for key, values in settings.items() if values}
    main = _commands(settings.get("Service.ExecStart", []), path.name)
    if not main:
        raise UnitError(f"Unit {path.name} has a bad unit file setting.")
    return Unit(
        name=path.name,
        description=one.get("Unit.Description", path.name),
        kind=one.get("Service.Type", "simple"),
        before=_commands(settings.get("Service.ExecStartPre", []), path.name),
        main=main,
        after_stop=_commands(settings.get("Service.ExecStopPost", []), path.name),
        environment=_assignments(settings.get("Service.Environment", [])),
        environment_files=settings.get("Service.EnvironmentFile", []),
        user=one.get("Service.User"),
        folder=one.get("Service.WorkingDirectory", "/").removeprefix("-"),
        restart=one.get("Service.Restart", "no"),
        restart_after=seconds(one.get("Service.RestartSec", "100ms")),
        stop_within=seconds(one.get("Service.TimeoutStopSec", "90")),
        remain=one.get("Service.RemainAfterExit", "no") in ("yes", "true", "1"),
        wanted_by=" ".join(settings.get("Install.WantedBy", [])).split(),
        required_by=" ".join(settings.get("Install.RequiredBy", [])).split(),
        earlier_than=" ".join(settings.get("Unit.Before", [])).split(),
        later_than=" ".join(settings.get("Unit.After", [])).split(),
        folders={
            kind: " ".join(settings.get(f"Service.{kind}Directory", [])).split()
            for kind in ("Runtime", "State", "Cache", "Logs")
        },
    )


def parse(text: str) -> dict[str, list[str]]:
    """`Section.Key` to its values in order; an empty value forgets those before it, as in systemd."""
    settings: dict[str, list[str]] = {}
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped.startswith("["):
            section = stripped.strip("[]")
            continue
        key, equals, value = stripped.partition("=")
        if equals:
            values = settings.setdefault(f"{section}.{key.strip()}", [])
            values.append(value.strip()) if value.strip() else values.clear()
    return settings


def seconds(text: str) -> float:
    """`5`, `5s`, `1min 30s`, `100ms`; `infinity` is a day."""
    if text == "infinity":
        return 86400
    parts = re.findall(r"([\d.]+)\s*([a-z]*)", text)
    return sum(float(number) * _UNITS_OF_TIME.get(unit or "s", 1) for number, unit in parts)


def read_environment_files(files: Sequence[str]) -> dict[str, str]:
    """The assignments in EnvironmentFile=. :raises UnitError: a file is missing and its name has no `-` before it"""
    found: dict[str, str] = {}
    for file in files:
        path = Path(file.removeprefix("-"))
        if path.is_file():
            lines = (line.strip() for line in path.read_text().splitlines())
            pairs = (line.partition("=") for line in lines if line and line[0] not in "#;")
            found.update({key.strip(): _unquoted(value) for key, _, value in pairs})
        elif not file.startswith("-"):
            raise UnitError(f"Failed to load environment files: No such file or directory: {path}")
    return found


def expand(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Words with `$NAME` and `${NAME}` filled in; a word that is `$NAME` alone becomes as many words as it holds."""
    expanded: list[str] = []
    for word in words:
        if re.fullmatch(r"\$\w+", word):
            expanded.extend(environment.get(word[1:], "").split())
        else:
            filled = _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], ""), word)
            expanded.append(filled.replace("%%", "%"))
    return expanded


def _commands(lines: Sequence[str], name: str) -> list[Command]:
    commands = []
    for line in lines:
        bare = line.lstrip("-+!:@")
        prefix = line[: len(line) - len(bare)]
        try:
            words = shlex.split(bare)
        except ValueError as error:
            raise UnitError(f"Unit {name} has a bad unit file setting: {error}.") from error
        commands.append(Command(words, may_fail="-" in prefix))
    return commands


def _assignments(lines: Sequence[str]) -> dict[str, str]:
    pairs = (word.partition("=") for line in lines for word in shlex.split(line))
    return {key: value for key, equals, value in pairs if equals}


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
