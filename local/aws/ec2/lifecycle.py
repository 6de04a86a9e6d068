"""What becomes of an instance on the clock: pending, running, stopping, stopped, shutting-down, terminated, gone."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models.instances import Instance, InstanceState, StateReason

from local.aws.core.events import EventLog, EventOrigin, build_instance_state_change
from local.aws.core.timing import AwsTiming
from local.aws.ec2.capacity import Capacity
from local.aws.ec2.machine_specs import build_machine_spec
from local.aws.ec2.tracked_instance import BY_ITSELF, BY_USER, CODES, TrackedInstance
from local.machines.host.port import Machines, MachineSpec

OnHalt = Callable[[TrackedInstance, datetime], None]


class Lifecycle:
    """Begins transitions and ends those that are due.

    :ivar on_halt: called before a machine goes down
    :ivar terminate_in_moto: moto's own terminate, which takes down disks and interfaces
    """

    def __init__(
        self,
        timing: AwsTiming,
        now: Callable[[], datetime],
        machines: Machines,
        capacity: Capacity,
        log: EventLog,
    ) -> None:
        self.instances: dict[str, TrackedInstance] = {}
        self.on_halt: list[OnHalt] = []
        self.custom_image_ids: set[str] = set()
        self._timing = timing
        self._now = now
        self._machines = machines
        self._capacity = capacity
        self._log = log
        self.environment: dict[str, str] = {}
        self._powered_off: deque[str] = deque()
        self.terminate_in_moto: Callable[[Any], Any] = Instance.terminate

    def launched(self, instance: Any) -> None:
        """Take over a new instance of moto's, which moto has running already."""
        now = self._now()
        life = TrackedInstance(instance, launched_at=now)
        self.instances[instance.id] = life
        self._begin_pending(life, now)
        self.tick()

    def life_of(self, instance: Any) -> TrackedInstance:
        """Its life; one begun before the local cloud was installed counts from now."""
        if instance.id not in self.instances:
            now = self._now()
            running_since = now if instance.state == "running" else None
            self.instances[instance.id] = TrackedInstance(instance, launched_at=now, running_since=running_since)
        return self.instances[instance.id]

    def start(self, life: TrackedInstance, start_in_moto: Callable[[Any], Any]) -> None:
        """From stopped to pending.

        :raises CloudError: InsufficientInstanceCapacity
        """
        self._capacity.take(life.instance.instance_type, life.zone)
        start_in_moto(life.instance)
        self._begin_pending(life, self._now())
        self.tick()

    def stop(self, life: TrackedInstance, stop_in_moto: Callable[[Any], Any]) -> None:
        """From running to stopping."""
        now = self._now()
        self._halt(life, now)
        stop_in_moto(life.instance)
        _blame_user(life, now)
        self._become(life, "stopping", now, self._timing.stopping_for)
        self.tick()

    def terminate(self, life: TrackedInstance) -> None:
        """From anywhere to shutting-down; moto's own terminate follows when that is over."""
        now = self._now()
        self._halt(life, now)
        self._release(life)
        _blame_user(life, now)
        self._become(life, "shutting-down", now, self._timing.terminating_for)
        self.tick()

    def reboot(self, life: TrackedInstance) -> None:
        """Down and up again at once; EC2 calls it running all the while."""
        now = self._now()
        self._halt(life, now)
        self._machines.boot(life.instance.id)
        life.running_since = now

    def switch_off(self, life: TrackedInstance, reason: StateReason, at: datetime) -> None:
        """Without anyone's call, the machine's own doing or AWS's: to stopping, or as its launch said."""
        self._halt(life, at)
        life.instance._reason = "" if reason is BY_ITSELF else reason.message
        life.instance.state_reason = reason
        if life.instance.instance_initiated_shutdown_behavior == "terminate":
            self._release(life)
            self._become(life, "shutting-down", at, self._timing.terminating_for)
        else:
            self._become(life, "stopping", at, self._timing.stopping_for)

    def record_power_off(self, instance_id: str) -> None:
        """The machine switched itself off. Any thread may say so; the next tick acts on it."""
        self._powered_off.append(instance_id)

    def build_machine_spec(self, life: TrackedInstance) -> MachineSpec:
        return build_machine_spec(life.instance, life.region, self.environment, self.custom_image_ids)

    def is_visible(self, instance_id: str) -> bool:
        """Whether a describe may know of the instance yet."""
        life = self.instances.get(instance_id)
        return life is None or self._now() >= life.launched_at + self._timing.launch_lag

    def tick(self) -> None:
        """Apply every transition that is due by now, in the order in which they became due."""
        now = self._now()
        while self._powered_off:
            life = self.instances.get(self._powered_off.popleft())
            if life is not None and life.state == "running":
                self.switch_off(life, BY_ITSELF, now)
        while True:
            due = [(life.next_at, life) for life in self.instances.values() if life.next_at and life.next_at <= now]
            if not due:
                return
            at, life = min(due, key=lambda pair: pair[0])
            life.next_at = None
            self._apply(life, at)

    def _apply(self, life: TrackedInstance, at: datetime) -> None:
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

    def _begin_pending(self, life: TrackedInstance, at: datetime) -> None:
        life.instance.launch_time = at.replace(tzinfo=None)
        self._become(life, "pending", at, self._timing.pending_for)

    def _become_running(self, life: TrackedInstance, at: datetime) -> None:
        if not life.has_disk:
            self._machines.create(self.build_machine_spec(life))
            life.has_disk = True
        self._machines.boot(life.instance.id)
        life.running_since = at
        self._become(life, "running", at)

    def _become_terminated(self, life: TrackedInstance, at: datetime) -> None:
        reasons = life.instance._reason, life.instance.state_reason
        self.terminate_in_moto(life.instance)
        life.instance._reason, life.instance.state_reason = reasons
        if life.has_disk:
            self._machines.destroy(life.instance.id)
        self._become(life, "terminated", at, self._timing.terminated_visible_for)

    def _vanish(self, life: TrackedInstance) -> None:
        backend = life.instance.ec2_backend
        for reservation in list(backend.reservations.values()):
            if life.instance in reservation.instances:
                reservation.instances.remove(life.instance)
                if not reservation.instances:
                    del backend.reservations[reservation.id]
        del self.instances[life.instance.id]

    def _become(self, life: TrackedInstance, state: str, at: datetime, next_after: timedelta | None = None) -> None:
        life.instance._state = InstanceState(state, CODES[state])
        life.next_at = None if next_after is None else at + next_after
        self._log.emit(build_instance_state_change(EventOrigin(at, life.account, life.region), life.instance.id, state))

    def _halt(self, life: TrackedInstance, at: datetime) -> None:
        if life.running_since is None:
            return
        for callback in self.on_halt:
            callback(life, at)
        if life.has_disk:
            self._machines.halt(life.instance.id)
        life.running_since = None

    def _release(self, life: TrackedInstance) -> None:
        """What a running or stopping instance held goes back; a stopped one holds nothing."""
        if life.state in ("pending", "running", "stopping"):
            self._capacity.give_back(life.instance.instance_type, life.zone)


def _blame_user(life: TrackedInstance, at: datetime) -> None:
    life.instance._reason = f"User initiated ({at:%Y-%m-%d %H:%M:%S} GMT)"
    life.instance.state_reason = BY_USER
