"""`systemctl`: enables by links as systemd does, and asks the machine's first process for the rest."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.machines.inside import units
from local.machines.inside.wire import Message, exchange

NOT_ACTIVE = 3
NOT_THERE = 4
INSTALLED = 5
NOTHING_TO_DO = ("daemon-reload", "daemon-reexec", "reset-failed", "is-system-running", "mask", "unmask")
OPERATIONS = {
    "start": "start",
    "stop": "stop",
    "restart": "restart",
    "reload": "restart",
    "reload-or-restart": "restart",
    "try-restart": "restart",
}
POWER = {"reboot": "reboot", "poweroff": "off", "halt": "off"}


def main(arguments: Sequence[str]) -> int:
    """Exit codes are systemctl's own: 3 for a unit that is not active, 4 for one that is not there, 5 not loaded."""
    options = [word for word in arguments if word.startswith("-")]
    verb, *names = [word for word in arguments if not word.startswith("-")] or ["list-units"]
    if verb in NOTHING_TO_DO:
        return 0
    if verb in OPERATIONS:
        return _operate(OPERATIONS[verb], names)
    if verb in POWER:
        exchange({"ask": "power", "how": POWER[verb], "after": 0})
        return 0
    if verb in ("is-active", "is-failed", "is-enabled"):
        return _is(verb, names, quiet=bool({"-q", "--quiet"} & set(options)))
    others = {
        "cat": _cat,
        "disable": _disable,
        "enable": _enable,
        "list-units": _list,
        "show": _show,
        "status": _status,
    }
    if verb not in others:
        print(f"Unknown command verb {verb}.", file=sys.stderr)
        return 1
    return others[verb](names, options)


def _operate(verb: str, names: Sequence[str]) -> int:
    code = 0
    for name in names:
        if trouble := exchange({"ask": verb, "unit": name})["error"]:
            print(trouble, file=sys.stderr)
            code = INSTALLED if "not be found" in trouble or "not loaded" in trouble else 1
    return code


def _enable(names: Sequence[str], options: Sequence[str]) -> int:
    for name in names:
        try:
            path, unit = units.find(name), units.load(name)
        except units.UnitError:
            full = units.full_name(name)
            print(f"Failed to enable unit: Unit file {full} does not exist.", file=sys.stderr)
            return 1
        if not unit.wanted_by:
            print("The unit files have no installation config (WantedBy=, ...).", file=sys.stderr)
        folders = [*(f"{each}.wants" for each in unit.wanted_by), *(f"{each}.requires" for each in unit.required_by)]
        for folder in folders:
            link = units.UNIT_FOLDERS[0] / folder / unit.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(path)
                print(f"Created symlink {link} → {path}.", file=sys.stderr)
    return _operate("start", names) if "--now" in options else 0


def _disable(names: Sequence[str], options: Sequence[str]) -> int:
    for name in names:
        for link in Path(units.UNIT_FOLDERS[0]).glob(f"*.*s/{units.full_name(name)}"):
            link.unlink()
            print(f"Removed {link}.", file=sys.stderr)
    return _operate("stop", names) if "--now" in options else 0


def _list(_: Sequence[str], __: Sequence[str]) -> int:
    for name in exchange({"ask": "names"})["names"]:
        print(f"{name} loaded {exchange({'ask': 'show', 'unit': name})['state']}")
    return 0


def _is(verb: str, names: Sequence[str], *, quiet: bool) -> int:
    codes = []
    for name in names:
        shown = exchange({"ask": "show", "unit": name})
        word, good = _state(verb, shown)
        codes.append(0 if good else 1 if verb == "is-enabled" else NOT_ACTIVE if verb == "is-active" else 1)
        if not quiet:
            print(word)
    return min(codes, default=1)


def _state(verb: str, shown: Message) -> tuple[str, bool]:
    if verb == "is-enabled":
        return ("enabled", True) if shown["enabled"] else ("disabled", False)
    state: str = shown["state"]
    return state, state == verb.removeprefix("is-")


def _status(names: Sequence[str], _: Sequence[str]) -> int:
    return max([_status_of(name) for name in names], default=0)


def _status_of(name: str) -> int:
    shown = exchange({"ask": "show", "unit": name})
    if shown["load"] == "not-found":
        print(f"Unit {shown['name']} could not be found.", file=sys.stderr)
        return NOT_THERE
    state = shown["state"]
    since = time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(shown.get("since", time.time())))
    print(f"● {shown['name']} - {shown['description']}")
    print(f"     Loaded: loaded ({shown['path']}; {'enabled' if shown['enabled'] else 'disabled'})")
    print(f"     Active: {state}{' (running)' if state == 'active' else ''} since {since}")
    if shown.get("main_pid"):
        print(f"   Main PID: {shown['main_pid']}")
    return 0 if state == "active" else NOT_ACTIVE


def _show(names: Sequence[str], options: Sequence[str]) -> int:
    wanted = ",".join(word.partition("=")[2] for word in options if word.startswith(("--property=", "-p="))).split(",")
    for name in names:
        shown = exchange({"ask": "show", "unit": name})
        facts = {
            "Id": shown["name"],
            "LoadState": shown["load"],
            "ActiveState": shown["state"],
            "UnitFileState": "enabled" if shown["enabled"] else "disabled",
            "MainPID": str(shown.get("main_pid", 0)),
            "ExecMainStatus": str(shown.get("status") or 0),
        }
        for key, value in facts.items():
            if wanted == [""] or key in wanted:
                print(value if "--value" in options else f"{key}={value}")
    return 0


def _cat(names: Sequence[str], _: Sequence[str]) -> int:
    for name in names:
        try:
            path = units.find(name)
        except units.UnitError:
            print(f"No files found for {units.full_name(name)}.", file=sys.stderr)
            return 1
        print(f"# {path}\n{path.read_text()}")
    return 0
