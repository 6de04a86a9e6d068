"""The life of an instance on the clock: pending, running, stopping, stopped, shutting-down, terminated, gone."""

import copy
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models.instances import Instance, InstanceState, StateReason

from local.cloud.behaviour import Behaviour
from local.cloud.capacity import Capacity
from local.cloud.errors import CloudError
from local.cloud.events import EventLog, instance_state_changed
from local.cloud.faults import Faults
from local.cloud.machine_specs import machine_spec
from local.cloud.patches import Patches
from local.machines.port import Machines, MachineSpec

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

BY_USER = StateReason("Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown")
BY_ITSELF = StateReason(
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown", "Client.InstanceInitiatedShutdown"
)


@dataclass
class Life:
    """What the local cloud knows of an instance beyond moto's record of it.

    :param launched_at: when RunInstances was answered
    :param next_at: when the next transition is due, None where there is none
    :param running_since: when it last became running; None while it is not
    :param has_disk: whether its machine was created
    """

    instance: Any
    launched_at: datetime
    next_at: datetime | None = None
    running_since: datetime | None = None
    has_disk: bool = False

    @property
    def state(self) -> str:
        return str(self.instance.state)

    @property
    def account(self) -> str:
        return str(self.instance.owner_id)

    @property
    def region(self) -> str:
        return str(self.instance.ec2_backend.region_name)

    @property
    def zone(self) -> str:
        return str(self.instance.availability_zone)

    def answers_to(self, key: str, values: Sequence[str]) -> bool:
        """Whether SSM's `InstanceIds` or `tag:...` means this instance.

        :raises CloudError: SSM has another key that the local cloud does not know
        """
        if key.lower() == "instanceids":
            return self.instance.id in values
        if key.startswith("tag:"):
            tags = {tag["key"]: tag["value"] for tag in self.instance.get_tags()}
            return tags.get(key.removeprefix("tag:")) in values
        raise CloudError("InvalidTarget", f"the local cloud does not know instances by {key}")


OnHalt = Callable[[Life, datetime], None]


class Lifecycle:
    """Applies the transitions that are due; moto's own start, stop and terminate happen within them."""

    def __init__(
        self,
        behaviour: Behaviour,
        now: Callable[[], datetime],
        machines: Machines,
        capacity: Capacity,
        faults: Faults,
        log: EventLog,
        environment: dict[str, str],
    ) -> None:
        self.lives: dict[str, Life] = {}
        self.on_halt: list[OnHalt] = []
        self._behaviour = behaviour
        self._now = now
        self._machines = machines
        self._capacity = capacity
        self._faults = faults
        self._log = log
        self._environment = environment
        self._powered_off: deque[str] = deque()
        self._terminate_in_moto: Callable[[Any], Any] = Instance.terminate

    def patch(self, patches: Patches) -> None:
        patches.wrap(Instance, "start", self._start)
        patches.wrap(Instance, "stop", self._stop)
        patches.wrap(Instance, "terminate", self._terminate)
        patches.wrap(Instance, "reboot", self._reboot)

    def launched(self, instance: Any) -> None:
        """Take over a new instance of moto's, which moto has running already."""
        now = self._now()
        life = Life(instance, launched_at=now)
        self.lives[instance.id] = life
        self._begin_pending(life, now)
        self.tick()

    def powered_off(self, instance_id: str) -> None:
        """The machine switched itself off. Any thread may say so; the next tick acts on it."""
        self._powered_off.append(instance_id)

    def machine_spec(self, life: Life) -> MachineSpec:
        return machine_spec(life.instance, life.region, self._environment)

    def is_visible(self, instance_id: str) -> bool:
        """Whether a describe may know of the instance yet."""
        life = self.lives.get(instance_id)
        return life is None or self._now() >= life.launched_at + self._behaviour.launch_lag

    def tick(self) -> None:
        """Apply every transition that is due by now, in the order in which they became due."""
        now = self._now()
        while self._powered_off:
            self._switch_off(self._powered_off.popleft(), now)
        while True:
            due = [(life.next_at, life) for life in self.lives.values() if life.next_at and life.next_at <= now]
            if not due:
                return
            at, life = min(due, key=lambda pair: pair[0])
            life.next_at = None
            self._apply(life, at)

    def _apply(self, life: Life, at: datetime) -> None:
        match life.state:
            case "pending":
                self._become_running(life, at)
            case "stopping":
                self._become(life, "stopped", at)
                self._capacity.give_back(life.instance.instance_type, life.zone)
            case "shutting-down":
                self._become_terminated(life, at)
            case "terminated":
                self._vanish(life)

    def _begin_pending(self, life: Life, at: datetime) -> None:
        life.instance.launch_time = at.replace(tzinfo=None)
        self._become(life, "pending", at, self._behaviour.pending_for)

    def _become_running(self, life: Life, at: datetime) -> None:
        if not life.has_disk:
            self._machines.create(self.machine_spec(life))
            life.has_disk = True
        self._machines.boot(life.instance.id)
        life.running_since = at
        self._become(life, "running", at)

    def _become_terminated(self, life: Life, at: datetime) -> None:
        reasons = life.instance._reason, life.instance.state_reason
        self._terminate_in_moto(life.instance)
        life.instance._reason, life.instance.state_reason = reasons
        if life.has_disk:
            self._machines.destroy(life.instance.id)
        self._become(life, "terminated", at, self._behaviour.terminated_visible_for)

    def _vanish(self, life: Life) -> None:
        backend = life.instance.ec2_backend
        for reservation in list(backend.reservations.values()):
            if life.instance in reservation.instances:
                reservation.instances.remove(life.instance)
                if not reservation.instances:
                    del backend.reservations[reservation.id]
        del self.lives[life.instance.id]

    def _become(self, life: Life, state: str, at: datetime, next_after: timedelta | None = None) -> None:
        life.instance._state = InstanceState(state, CODES[state])
        life.next_at = None if next_after is None else at + next_after
        self._log.emit(instance_state_changed(at, life.account, life.region, life.instance.id, state))

    def _halt(self, life: Life, at: datetime) -> None:
        if life.running_since is None:
            return
        for callback in self.on_halt:
            callback(life, at)
        self._machines.halt(life.instance.id)
        life.running_since = None

    def _switch_off(self, instance_id: str, at: datetime) -> None:
        life = self.lives.get(instance_id)
        if life is None or life.state != "running":
            return
        self._halt(life, at)
        life.instance._reason, life.instance.state_reason = "", BY_ITSELF
        if life.instance.instance_initiated_shutdown_behavior == "terminate":
            self._release(life)
            self._become(life, "shutting-down", at, self._behaviour.terminating_for)
        else:
            self._become(life, "stopping", at, self._behaviour.stopping_for)

    def _release(self, life: Life) -> None:
        """What a running or stopping instance held goes back; a stopped one holds nothing."""
        if life.state in ("pending", "running", "stopping"):
            self._capacity.give_back(life.instance.instance_type, life.zone)

    def _life_of(self, instance: Any) -> Life:
        """Its life; one begun before the local cloud was installed counts from now."""
        if instance.id not in self.lives:
            now = self._now()
            running_since = now if instance.state == "running" else None
            self.lives[instance.id] = Life(instance, launched_at=now, running_since=running_since)
        return self.lives[instance.id]

    def _start(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def start(instance: Any) -> Any:
            life, now = self._life_of(instance), self._now()
            previous = copy.copy(instance._state)
            if life.state in ("running", "pending"):
                return previous
            _require(life, "stopped", verb="started")
            if self._faults.take_acknowledgement("StartInstances"):
                return previous
            self._capacity.take(instance.instance_type, life.zone)
            original(instance)
            self._begin_pending(life, now)
            self.tick()
            return previous

        return start

    def _stop(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def stop(instance: Any) -> Any:
            life, now = self._life_of(instance), self._now()
            previous = copy.copy(instance._state)
            if life.state in ("stopping", "stopped"):
                return previous
            _require(life, "running", verb="stopped")
            if self._faults.take_acknowledgement("StopInstances"):
                return previous
            self._halt(life, now)
            original(instance)
            _blame_user(instance, now)
            self._become(life, "stopping", now, self._behaviour.stopping_for)
            self.tick()
            return previous

        return stop

    def _terminate(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self._terminate_in_moto = original

        def terminate(instance: Any) -> Any:
            life, now = self._life_of(instance), self._now()
            previous = copy.copy(instance._state)
            if life.state in ("shutting-down", "terminated"):
                return previous
            if self._faults.take_acknowledgement("TerminateInstances"):
                return previous
            self._halt(life, now)
            self._release(life)
            _blame_user(instance, now)
            self._become(life, "shutting-down", now, self._behaviour.terminating_for)
            self.tick()
            return previous

        return terminate

    def _reboot(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def reboot(instance: Any) -> None:
            life, now = self._life_of(instance), self._now()
            _require(life, "running", verb="rebooted")
            original(instance)
            self._halt(life, now)
            self._machines.boot(instance.id)
            life.running_since = now

        return reboot


def _require(life: Life, state: str, verb: str) -> None:
    if life.state != state:
        raise CloudError(
            "IncorrectInstanceState",
            f"The instance '{life.instance.id}' is not in a state from which it can be {verb}.",
        )


def _blame_user(instance: Any, at: datetime) -> None:
    instance._reason = f"User initiated ({at:%Y-%m-%d %H:%M:%S} GMT)"
    instance.state_reason = BY_USER
