"""Unit files of systemd: the settings that gpudesk's services need.

systemctl starts often, so the values are named tuples: importing dataclasses takes longer than starting Python.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/run/systemd/system"), Path("/usr/local/lib/systemd/system"))
_SECONDS_PER_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86400}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class UnitError(Exception):
    """The unit does not exist or cannot run. The message is that of systemctl."""


class Command(NamedTuple):
    """One line of ExecStart and similar settings.

    :param may_fail: the line begins with `-`
    """

    words: Sequence[str]
    may_fail: bool = False


class Unit(NamedTuple):
    """One service. Times are in seconds.

    :param service_type: Type=
    :param start_pre: ExecStartPre=
    :param main: ExecStart=
    :param folder: WorkingDirectory=
    :param before_units: Before=
    :param after_units: After=
    :param folders: RuntimeDirectory= and similar settings: names of folders by kind
    """

    name: str
    description: str
    service_type: str
    start_pre: Sequence[Command]
    main: Sequence[Command]
    environment: Mapping[str, str]
    environment_files: Sequence[str]
    user: str | None
    folder: str
    restart: str
    restart_after: float
    stop_timeout: float
    remains_after_exit: bool
    wanted_by: Sequence[str]
    required_by: Sequence[str]
    before_units: Sequence[str]
    after_units: Sequence[str]
    folders: Mapping[str, Sequence[str]]

    def restarts_after(self, outcome: Literal["success", "failure"]) -> bool:
        """Return whether systemd starts the service again."""
        return self.restart in ("always", f"on-{outcome}")


def complete_name(name: str) -> str:
    """Return the name with its suffix, because `jupyter` and `jupyter.service` are the same unit."""
    return name if "." in name else f"{name}.service"


def find(name: str) -> Path:
    """Return the path of a unit file.

    :raises UnitError: it does not exist
    """
    for folder in UNIT_FOLDERS:
        if (folder / complete_name(name)).is_file():
            return folder / complete_name(name)
    raise UnitError(f"Unit {complete_name(name)} could not be found.")


def load(name: str) -> Unit:
    """Read a unit file.

    :raises UnitError: it does not exist or has no command to start
    """
    path = find(name)
    settings = parse(path.read_text())
    last_values = {key: values[-1] for key, values in settings.items() if values}
    main = _parse_commands(settings.get("Service.ExecStart", []), path.name)
    if not main:
        raise UnitError(f"Unit {path.name} has a bad unit file setting.")
    return Unit(
        name=path.name,
        description=last_values.get("Unit.Description", path.name),
        service_type=last_values.get("Service.Type", "simple"),
        start_pre=_parse_commands(settings.get("Service.ExecStartPre", []), path.name),
        main=main,
        environment=_parse_assignments(settings.get("Service.Environment", [])),
        environment_files=settings.get("Service.EnvironmentFile", []),
        user=last_values.get("Service.User"),
        folder=last_values.get("Service.WorkingDirectory", "/").removeprefix("-"),
        restart=last_values.get("Service.Restart", "no"),
        restart_after=parse_seconds(last_values.get("Service.RestartSec", "100ms")),
        stop_timeout=parse_seconds(last_values.get("Service.TimeoutStopSec", "90")),
        remains_after_exit=last_values.get("Service.RemainAfterExit", "no") in ("yes", "true", "1"),
        wanted_by=" ".join(settings.get("Install.WantedBy", [])).split(),
        required_by=" ".join(settings.get("Install.RequiredBy", [])).split(),
        before_units=" ".join(settings.get("Unit.Before", [])).split(),
        after_units=" ".join(settings.get("Unit.After", [])).split(),
        folders={
            kind: " ".join(settings.get(f"Service.{kind}Directory", [])).split()
            for kind in ("Runtime", "State", "Cache", "Logs")
        },
    )


def parse(text: str) -> dict[str, list[str]]:
    """Return the values of each `Section.Key` in order. As in systemd, an empty value removes the earlier ones."""
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


def parse_seconds(text: str) -> float:
    """Return a duration such as `5`, `5s`, `1min 30s` or `100ms` in seconds; `infinity` is a day."""
    if text == "infinity":
        return 86400
    parts = re.findall(r"([\d.]+)\s*([a-z]*)", text)
    return sum(float(number) * _SECONDS_PER_UNIT.get(unit or "s", 1) for number, unit in parts)


def read_environment_files(files: Sequence[str]) -> dict[str, str]:
    """Return the assignments in the files of EnvironmentFile=.

    :raises UnitError: a file is missing and has no `-` before its name
    """
    assignments: dict[str, str] = {}
    for file in files:
        path = Path(file.removeprefix("-"))
        if path.is_file():
            lines = (line.strip() for line in path.read_text().splitlines())
            pairs = (line.partition("=") for line in lines if line and line[0] not in "#;")
            assignments.update({key.strip(): _unquote(value) for key, _, value in pairs})
        elif not file.startswith("-"):
            raise UnitError(f"Failed to load environment files: No such file or directory: {path}")
    return assignments


def expand(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the words with `$NAME` and `${NAME}` replaced.

    A word that consists of `$NAME` alone becomes the words of the value.
    """
    expanded: list[str] = []
    for word in words:
        if re.fullmatch(r"\$\w+", word):
            expanded.extend(environment.get(word[1:], "").split())
        else:
            filled = _VARIABLE.sub(lambda match: environment.get(match[1] or match[2], ""), word)
            expanded.append(filled.replace("%%", "%"))
    return expanded


def _parse_commands(lines: Sequence[str], name: str) -> list[Command]:
    commands = []
    for line in lines:
        command = line.lstrip("-+!:@")
        prefix = line[: len(line) - len(command)]
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UnitError(f"Unit {name} has a bad unit file setting: {error}.") from error
        commands.append(Command(words, may_fail="-" in prefix))
    return commands


def _parse_assignments(lines: Sequence[str]) -> dict[str, str]:
    pairs = (word.partition("=") for line in lines for word in shlex.split(line))
    return {key: value for key, equals, value in pairs if equals}


def _unquote(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
