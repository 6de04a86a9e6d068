"""Life cycle of an instance on the cloud's clock: from pending over running to terminated and no longer visible."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models.instances import Instance, InstanceState, StateReason

from local.aws.core.events import EventLog, EventOrigin, build_instance_state_change
from local.aws.core.timing import AwsTiming
from local.aws.ec2.capacity import Capacity
from local.aws.ec2.machine_specs import build_machine_spec, require_architecture
from local.aws.ec2.tracked_instance import BY_ITSELF, BY_USER, STATE_CODES, TrackedInstance, build_failed_start
from local.machines.host.interface import Machines, MachineSpec

OnHalt = Callable[[TrackedInstance, datetime], None]
OnState = Callable[[TrackedInstance, str, datetime], None]


class Lifecycle:
    """State machine of all instances: it starts transitions and completes those that are due.

    :param now: returns the cloud's time
    :ivar instances: tracked instances by id
    :ivar on_halt: callbacks, called before a machine halts
    :ivar on_state: callbacks, called after each change of the state
    :ivar check_start: raises CloudError if EC2 refuses to start an instance
    :ivar start_in_moto: moto's own start
    :ivar custom_image_ids: AMIs that were created from instances
    :ivar image_origins: the AMI with the captured disk, by the AMI that was copied from it
    :ivar environment: environment variables of the instances
    :ivar take_end_launch: returns the state reason with which the next instance of an operation ends, or None
    :ivar terminate_in_moto: moto's own terminate, which removes disks and interfaces
    """

    def __init__(
        self,
        timing: AwsTiming,
        now: Callable[[], datetime],
        machines: Machines,
        capacity: Capacity,
        log: EventLog,
    ) -> None:
        """Start without instances."""
        self.instances: dict[str, TrackedInstance] = {}
        self.on_halt: list[OnHalt] = []
        self.on_state: list[OnState] = []
        self.check_start: Callable[[TrackedInstance], None] = lambda _: None
        self.start_in_moto: Callable[[Any], Any] = Instance.start
        self.custom_image_ids: set[str] = set()
        self.image_origins: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        self.terminate_in_moto: Callable[[Any], Any] = Instance.terminate
        self.take_end_launch: Callable[[str], str | None] = lambda _: None
        self._timing = timing
        self._now = now
        self._machines = machines
        self._capacity = capacity
        self._log = log
        self._powered_off: deque[str] = deque()

    def register_launch(self, instance: Any) -> None:
        """Track a new instance of moto's. moto shows it as running; here it becomes pending."""
        now = self._now()
        failure = self._take_failed_start("RunInstances")
        tracked = TrackedInstance(instance, launched_at=now, failed_start=failure)
        self.instances[instance.id] = tracked
        self._set_pending(tracked, now)
        self.tick()

    def track(self, instance: Any) -> TrackedInstance:
        """Return the tracked instance. An instance from before the installation is tracked from now on."""
        if instance.id not in self.instances:
            now = self._now()
            running_since = now if instance.state == "running" else None
            self.instances[instance.id] = TrackedInstance(instance, launched_at=now, running_since=running_since)
        return self.instances[instance.id]

    def start(self, tracked: TrackedInstance, start_in_moto: Callable[[Any], Any], *, is_call: bool = True) -> None:
        """Change from stopped to pending.

        :param is_call: StartInstances was called; False: EC2 itself starts an interrupted spot instance
        :raises CloudError: InsufficientInstanceCapacity; InvalidParameterValue: its type has another architecture
        """
        require_architecture(tracked.instance.instance_type, tracked.instance.architecture)
        if is_call:
            self.check_start(tracked)
        self._capacity.take(tracked.instance.instance_type, tracked.zone, market=tracked.market)
        start_in_moto(tracked.instance)
        tracked.failed_start = self._take_failed_start("StartInstances")
        self._set_pending(tracked, self._now())
        self.tick()

    def stop(self, tracked: TrackedInstance, stop_in_moto: Callable[[Any], Any]) -> None:
        """Change from running to stopping."""
        now = self._now()
        self._halt(tracked, now)
        stop_in_moto(tracked.instance)
        _set_user_reason(tracked, now)
        self._set_state(tracked, "stopping", now, self._timing.stopping_for)
        self.tick()

    def terminate(self, tracked: TrackedInstance) -> None:
        """Change to shutting-down. moto's own terminate follows at the end of that state."""
        now = self._now()
        self._halt(tracked, now)
        self._release_capacity(tracked)
        _set_user_reason(tracked, now)
        self._set_state(tracked, "shutting-down", now, self._timing.terminating_for)
        self.tick()

    def reboot(self, tracked: TrackedInstance) -> None:
        """Halt and boot the machine at once. EC2 shows it as running all the time."""
        now = self._now()
        self._halt(tracked, now)
        self._machines.boot(tracked.instance.id)
        tracked.running_since = now

    def change_type(self, tracked: TrackedInstance, instance_type: str) -> None:
        """Change the type of a stopped instance."""
        tracked.instance.instance_type = instance_type
        if tracked.has_disk:
            self._machines.resize(self.build_machine_spec(tracked))

    def power_off(self, tracked: TrackedInstance, reason: StateReason, at: datetime) -> None:
        """Stop or terminate an instance that itself or AWS switches off, without a call.

        :param reason: state reason to show
        """
        self._halt(tracked, at)
        tracked.instance._reason = "" if reason is BY_ITSELF else reason.message
        tracked.instance.state_reason = reason
        if tracked.instance.instance_initiated_shutdown_behavior == "terminate":
            self._release_capacity(tracked)
            self._set_state(tracked, "shutting-down", at, self._timing.terminating_for)
        else:
            self._set_state(tracked, "stopping", at, self._timing.stopping_for)

    def record_power_off(self, instance_id: str) -> None:
        """Record that a machine switched itself off. Any thread may call this; the next `tick` applies it."""
        self._powered_off.append(instance_id)

    def build_machine_spec(self, tracked: TrackedInstance) -> MachineSpec:
        """Return the description of the machine that runs an instance."""
        spec = build_machine_spec(tracked.instance, tracked.region, self.environment, self.custom_image_ids)
        origin = self.image_origins.get(spec.source_image or "")
        return replace(spec, source_image=origin) if origin else spec

    def is_visible(self, instance_id: str) -> bool:
        """Return whether DescribeInstances shows the instance yet."""
        tracked = self.instances.get(instance_id)
        return tracked is None or self._now() >= tracked.launched_at + self._timing.launch_hidden_for

    def tick(self) -> None:
        """Apply every transition that is due by now, in the order in which they became due."""
        now = self._now()
        while self._powered_off:
            tracked = self.instances.get(self._powered_off.popleft())
            if tracked is not None and tracked.state == "running":
                self.power_off(tracked, BY_ITSELF, now)
        while True:
            due = [
                (tracked.next_at, tracked)
                for tracked in self.instances.values()
                if tracked.next_at and tracked.next_at <= now
            ]
            if not due:
                return
            at, tracked = min(due, key=lambda pair: pair[0])
            tracked.next_at = None
            self._apply_transition(tracked, at)

    def _apply_transition(self, tracked: TrackedInstance, at: datetime) -> None:
        match tracked.state:
            case "pending" if tracked.failed_start:
                self._end_start(tracked, tracked.failed_start, at)
            case "pending":
                self._set_running(tracked, at)
            case "stopping":
                self._set_state(tracked, "stopped", at)
                self._capacity.release(tracked.instance.instance_type, tracked.zone, market=tracked.market)
            case "shutting-down":
                self._set_terminated(tracked, at)
            case "terminated":
                self._forget(tracked)

    def _set_pending(self, tracked: TrackedInstance, at: datetime) -> None:
        tracked.instance.launch_time = at.replace(tzinfo=None)
        self._set_state(tracked, "pending", at, self._timing.pending_for)

    def _set_running(self, tracked: TrackedInstance, at: datetime) -> None:
        if not tracked.has_disk:
            self._machines.create(self.build_machine_spec(tracked))
            tracked.has_disk = True
        self._machines.boot(tracked.instance.id)
        tracked.running_since = at
        self._set_state(tracked, "running", at)

    def _take_failed_start(self, operation: str) -> StateReason | None:
        code = self.take_end_launch(operation)
        return build_failed_start(code) if code else None

    def _end_start(self, tracked: TrackedInstance, reason: StateReason, at: datetime) -> None:
        """End a start that EC2 cannot complete: a new instance is terminated, one that was stopped stops again."""
        self._release_capacity(tracked)
        tracked.instance._reason, tracked.instance.state_reason = reason.message, reason
        tracked.failed_start = None
        if tracked.has_disk:
            self._set_state(tracked, "stopped", at)
        else:
            self._set_terminated(tracked, at)

    def _set_terminated(self, tracked: TrackedInstance, at: datetime) -> None:
        reasons = tracked.instance._reason, tracked.instance.state_reason
        self.terminate_in_moto(tracked.instance)
        tracked.instance._reason, tracked.instance.state_reason = reasons
        if tracked.has_disk:
            self._machines.destroy(tracked.instance.id)
        self._set_state(tracked, "terminated", at, self._timing.terminated_visible_for)

    def _forget(self, tracked: TrackedInstance) -> None:
        backend = tracked.instance.ec2_backend
        for reservation in list(backend.reservations.values()):
            if tracked.instance in reservation.instances:
                reservation.instances.remove(tracked.instance)
                if not reservation.instances:
                    del backend.reservations[reservation.id]
        del self.instances[tracked.instance.id]

    def _set_state(
        self, tracked: TrackedInstance, state: str, at: datetime, next_after: timedelta | None = None
    ) -> None:
        tracked.instance._state = InstanceState(state, STATE_CODES[state])
        tracked.next_at = None if next_after is None else at + next_after
        for callback in self.on_state:
            callback(tracked, state, at)
        self._log.emit(
            build_instance_state_change(EventOrigin(at, tracked.account, tracked.region), tracked.instance.id, state)
        )

    def _halt(self, tracked: TrackedInstance, at: datetime) -> None:
        if tracked.running_since is None:
            return
        for callback in self.on_halt:
            callback(tracked, at)
        if tracked.has_disk:
            self._machines.halt(tracked.instance.id)
        tracked.running_since = None

    def _release_capacity(self, tracked: TrackedInstance) -> None:
        """Give back the capacity of a pending, running or stopping instance. A stopped one uses none."""
        if tracked.state in ("pending", "running", "stopping"):
            self._capacity.release(tracked.instance.instance_type, tracked.zone, market=tracked.market)


def _set_user_reason(tracked: TrackedInstance, at: datetime) -> None:
    tracked.instance._reason = f"User initiated ({at:%Y-%m-%d %H:%M:%S} GMT)"
    tracked.instance.state_reason = BY_USER
