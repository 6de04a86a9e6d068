"""Fake `systemctl`: it sends requests to the first process. `unit_files.py` has the verbs that only need files.

Setups start it often, so a call imports only what it needs. `shell/systemctl.sh` has the verbs without an effect.
"""

import sys
import time
from collections.abc import Sequence

from local.machines.inside.wire import Message, exchange

EXIT_NOT_ACTIVE = 3
EXIT_NOT_FOUND = 4
EXIT_NOT_LOADED = 5
OPERATIONS = {
    "start": "start",
    "stop": "stop",
    "restart": "restart",
    "reload": "restart",
    "reload-or-restart": "restart",
    "try-restart": "restart",
}
POWER_ACTIONS = {"reboot": "reboot", "poweroff": "off", "halt": "off"}


def main(arguments: Sequence[str]) -> int:
    """Run a verb, and return systemctl's exit code: 3 for an inactive, 4 for an unknown, 5 for an unloaded unit."""
    options = [word for word in arguments if word.startswith("-")]
    verb, *names = [word for word in arguments if not word.startswith("-")] or ["list-units"]
    if verb in OPERATIONS:
        return _run_operation(OPERATIONS[verb], names)
    if verb in POWER_ACTIONS:
        exchange({"query": "power", "action": POWER_ACTIONS[verb], "after": 0})
        return 0
    if verb in ("cat", "disable", "enable"):
        return _run_file_verb(verb, names, is_now="--now" in options)
    if verb in ("is-active", "is-failed", "is-enabled"):
        return _print_state(verb, names, is_quiet=bool({"-q", "--quiet"} & set(options)))
    commands = {
        "list-units": _print_list,
        "show": _print_properties,
        "status": _print_statuses,
    }
    if verb not in commands:
        print(f"Unknown command verb {verb}.", file=sys.stderr)
        return 1
    return commands[verb](names, options)


def _run_file_verb(verb: str, names: Sequence[str], *, is_now: bool) -> int:
    from . import unit_files  # noqa: PLC0415 - most calls do not need it

    match verb:
        case "enable":
            code = unit_files.enable(names)
            return _run_operation("start", names) if is_now and code == 0 else code
        case "disable":
            unit_files.disable(names)
            return _run_operation("stop", names) if is_now else 0
        case _:
            return unit_files.print_files(names)


def _run_operation(verb: str, names: Sequence[str]) -> int:
    code = 0
    for name in names:
        if problem := exchange({"query": verb, "unit": name})["error"]:
            print(problem, file=sys.stderr)
            code = EXIT_NOT_LOADED if "not be found" in problem or "not loaded" in problem else 1
    return code


def _print_list(_: Sequence[str], __: Sequence[str]) -> int:
    for name in exchange({"query": "names"})["names"]:
        print(f"{name} loaded {exchange({'query': 'show', 'unit': name})['state']}")
    return 0


def _print_state(verb: str, names: Sequence[str], *, is_quiet: bool) -> int:
    codes = []
    for name in names:
        properties = exchange({"query": "show", "unit": name})
        state, is_as_asked = _read_state(verb, properties)
        codes.append(0 if is_as_asked else 1 if verb == "is-enabled" else EXIT_NOT_ACTIVE if verb == "is-active" else 1)
        if not is_quiet:
            print(state)
    return min(codes, default=1)


def _read_state(verb: str, properties: Message) -> tuple[str, bool]:
    if verb == "is-enabled":
        return ("enabled", True) if properties["enabled"] else ("disabled", False)
    state: str = properties["state"]
    return state, state == verb.removeprefix("is-")


def _print_statuses(names: Sequence[str], _: Sequence[str]) -> int:
    return max([_print_status(name) for name in names], default=0)


def _print_status(name: str) -> int:
    properties = exchange({"query": "show", "unit": name})
    if properties["load"] == "not-found":
        print(f"Unit {properties['name']} could not be found.", file=sys.stderr)
        return EXIT_NOT_FOUND
    state = properties["state"]
    since = time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(properties.get("since", time.time())))
    print(f"● {properties['name']} - {properties['description']}")
    print(f"     Loaded: loaded ({properties['path']}; {'enabled' if properties['enabled'] else 'disabled'})")
    print(f"     Active: {state}{' (running)' if state == 'active' else ''} since {since}")
    if properties.get("main_pid"):
        print(f"   Main PID: {properties['main_pid']}")
    return 0 if state == "active" else EXIT_NOT_ACTIVE


def _print_properties(names: Sequence[str], options: Sequence[str]) -> int:
    selected = ",".join(word.partition("=")[2] for word in options if word.startswith(("--property=", "-p="))).split(
        ","
    )
    for name in names:
        properties = exchange({"query": "show", "unit": name})
        properties_by_name = {
            "Id": properties["name"],
            "LoadState": properties["load"],
            "ActiveState": properties["state"],
            "UnitFileState": "enabled" if properties["enabled"] else "disabled",
            "MainPID": str(properties.get("main_pid", 0)),
            "ExecMainStatus": str(properties.get("status") or 0),
        }
        for key, value in properties_by_name.items():
            if selected == [""] or key in selected:
                print(value if "--value" in options else f"{key}={value}")
    return 0
