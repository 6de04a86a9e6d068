"""What systemctl can ask of the machine's first process."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import units
from .loop import EventLoop
from .services import Reply, Service
from .wire import Message

WANTS = "*.target.wants"


class Manager:
    """The services of one boot, by unit name."""

    def __init__(self, loop: EventLoop, environment: Mapping[str, str]) -> None:
        self._loop = loop
        self._environment = environment
        self._services: dict[str, Service] = {}

    def start_enabled(self) -> None:
        """What was enabled starts at boot, by Before= and After=; a broken unit stops only who requires it."""
        names = sorted({link.name for link in units.UNIT_FOLDERS[0].glob(f"{WANTS}/*.service")})
        self._start_in_order(names, first_before(names), set())

    def _start_in_order(self, names: list[str], first: Mapping[str, set[str]], ended: set[str]) -> None:
        """Start those for whom nobody is to come first any more; each that has started lets others follow."""
        ready = [name for name in names if name not in ended and not first[name]]
        ended.update(ready)
        for name in ready:

            def started(trouble: str, name: str = name) -> None:
                for other in names:
                    first[other].discard(name)
                    if trouble and _requires(other, name):
                        ended.add(other)
                self._start_in_order(names, first, ended)

            self.start(name, started)

    def start(self, name: str, reply: Reply) -> None:
        """Start a unit as its file is now."""
        try:
            unit = units.load(name)
        except units.UnitError as error:
            return reply(f"Failed to start {units.full_name(name)}: {error}")
        service = self._services.get(unit.name)
        if service is None:
            service = self._services[unit.name] = Service(unit, self._loop, self._environment)
        service.unit = unit
        return service.start(reply)

    def stop(self, name: str, reply: Reply) -> None:
        """Stop a unit; one that does not run is fine, one that does not exist is not."""
        service = self._services.get(units.full_name(name))
        if service:
            return service.stop(reply)
        return reply(self._trouble("stop", name))

    def restart(self, name: str, reply: Reply) -> None:
        """Stop, then start."""
        service = self._services.get(units.full_name(name))
        if service is None:
            return self.start(name, reply)
        return service.stop(lambda _: self.start(name, reply))

    def shut_down(self) -> None:
        """The machine goes down: nothing starts again."""
        for service in self._services.values():
            service.stop(lambda _: None)

    def show(self, name: str) -> Message:
        """What `systemctl status` tells. `load` is `not-found` where no file is there."""
        full = units.full_name(name)
        service = self._services.get(full)
        answer: Message = {"name": full, "load": "not-found", "enabled": is_enabled(full), "state": "inactive"}
        with contextlib.suppress(units.UnitError):
            unit = units.load(full)
            answer |= {"load": "loaded", "path": str(units.find(full)), "description": unit.description}
        if service:
            answer |= {"state": service.state, "since": service.since, "main_pid": service.main_pid}
            answer |= {"status": service.status}
        return answer

    def names(self) -> list[str]:
        """Every service that was started since boot."""
        return sorted(self._services)

    def operation(self, verb: str) -> Callable[[str, Reply], None]:
        """The method behind a verb of systemctl."""
        return {"start": self.start, "stop": self.stop, "restart": self.restart}[verb]

    def _trouble(self, verb: str, name: str) -> str:
        try:
            units.find(name)
        except units.UnitError:
            return f"Failed to {verb} {units.full_name(name)}: Unit {units.full_name(name)} not loaded."
        return ""


def first_before(names: Sequence[str]) -> dict[str, set[str]]:
    """For each unit, those of the others that are to have started by then."""
    first: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        with contextlib.suppress(units.UnitError):
            unit = units.load(name)
            first[name].update(other for other in unit.later_than if other in first)
            for other in unit.earlier_than:
                if other in first:
                    first[other].add(name)
    return first


def _requires(name: str, needed: str) -> bool:
    return (units.UNIT_FOLDERS[0] / f"{name}.requires" / needed).is_symlink()


def is_enabled(name: str) -> bool:
    """Whether a target wants it."""
    return any(Path(units.UNIT_FOLDERS[0]).glob(f"{WANTS}/{units.full_name(name)}"))
