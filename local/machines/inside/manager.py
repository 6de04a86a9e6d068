"""Manager of the machine's services, which systemctl controls."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import units
from .loop import EventLoop
from .services import Reply, Service
from .wire import Message

WANTS = "*.target.wants"


class Manager:
    """Services of one boot by unit name."""

    def __init__(self, loop: EventLoop, environment: Mapping[str, str]) -> None:
        """Start without services.

        :param environment: environment variables of the services
        """
        self._loop = loop
        self._environment = environment
        self._services: dict[str, Service] = {}

    def start_enabled(self) -> None:
        """Start the enabled services in the order of Before= and After=.

        If a unit fails, only the units that require it are not started.
        """
        names = sorted({link.name for link in units.UNIT_FOLDERS[0].glob(f"{WANTS}/*.service")})
        self._start_in_order(names, find_predecessors(names), set())

    def _start_in_order(self, names: list[str], predecessors: Mapping[str, set[str]], ended: set[str]) -> None:
        """Start the units without a predecessor, and after each of them the units that waited for it.

        :param predecessors: units that must start first, by unit
        :param ended: units that were started or have failed
        """
        ready = [name for name in names if name not in ended and not predecessors[name]]
        ended.update(ready)
        for name in ready:

            def start_successors(problem: str, name: str = name) -> None:
                for other in names:
                    predecessors[other].discard(name)
                    if problem and _requires(other, name):
                        ended.add(other)
                self._start_in_order(names, predecessors, ended)

            self.start(name, start_successors)

    def start(self, name: str, reply: Reply) -> None:
        """Start a unit from its file."""
        try:
            unit = units.load(name)
        except units.UnitError as error:
            return reply(f"Failed to start {units.complete_name(name)}: {error}")
        service = self._services.get(unit.name)
        if service is None:
            service = self._services[unit.name] = Service(unit, self._loop, self._environment)
        service.unit = unit
        return service.start(reply)

    def stop(self, name: str, reply: Reply) -> None:
        """Stop a unit. The reply is an error if the unit does not exist, but not if it does not run."""
        service = self._services.get(units.complete_name(name))
        if service:
            return service.stop(reply)
        return reply(self._describe_problem("stop", name))

    def restart(self, name: str, reply: Reply) -> None:
        """Stop a unit and start it."""
        service = self._services.get(units.complete_name(name))
        if service is None:
            return self.start(name, reply)
        return service.stop(lambda _: self.start(name, reply))

    def shut_down(self) -> None:
        """Stop all services for a halt of the machine."""
        for service in self._services.values():
            service.stop(lambda _: None)

    def show(self, name: str) -> Message:
        """Return the properties of a unit. Its `load` is `not-found` if the unit has no file."""
        unit_name = units.complete_name(name)
        service = self._services.get(unit_name)
        status: Message = {
            "name": unit_name,
            "load": "not-found",
            "enabled": is_enabled(unit_name),
            "state": "inactive",
        }
        with contextlib.suppress(units.UnitError):
            unit = units.load(unit_name)
            status |= {"load": "loaded", "path": str(units.find(unit_name)), "description": unit.description}
        if service:
            status |= {"state": service.state, "since": service.since, "main_pid": service.main_pid}
            status |= {"status": service.status}
        return status

    def list_names(self) -> list[str]:
        """Return the names of the services that were started since the boot."""
        return sorted(self._services)

    def find_operation(self, verb: str) -> Callable[[str, Reply], None]:
        """Return the method for a verb of systemctl."""
        return {"start": self.start, "stop": self.stop, "restart": self.restart}[verb]

    def _describe_problem(self, verb: str, name: str) -> str:
        try:
            units.find(name)
        except units.UnitError:
            return f"Failed to {verb} {units.complete_name(name)}: Unit {units.complete_name(name)} not loaded."
        return ""


def find_predecessors(names: Sequence[str]) -> dict[str, set[str]]:
    """Return the units among `names` that must start before each unit."""
    predecessors: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        with contextlib.suppress(units.UnitError):
            unit = units.load(name)
            predecessors[name].update(other for other in unit.after_units if other in predecessors)
            for other in unit.before_units:
                if other in predecessors:
                    predecessors[other].add(name)
    return predecessors


def _requires(name: str, needed: str) -> bool:
    return (units.UNIT_FOLDERS[0] / f"{name}.requires" / needed).is_symlink()


def is_enabled(name: str) -> bool:
    """Return whether a target wants the unit."""
    return any(Path(units.UNIT_FOLDERS[0]).glob(f"{WANTS}/{units.complete_name(name)}"))
