"""Run Command: documents sent to instances, really run by their machines, and followed on the clock."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.common.clock import Clock
from local.aws.core.events import EventLog, EventOrigin, build_command_status_change, build_invocation_status_change
from local.aws.core.timing import AwsTiming
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.ssm.agents import Agents
from local.aws.ssm.command_logs import write_logs
from local.aws.ssm.invocations import Command, InvocationRun
from local.machines.errors import MachineHalted
from local.machines.host.port import Invocation, InvocationResult, Machines

logger = logging.getLogger(__name__)

MILLISECONDS = "%Y-%m-%dT%H:%M:%S.000Z"


class RunCommand:
    """Delivers commands to agents and collects what the machines answer. Its callers hold the cloud's lock."""

    def __init__(
        self,
        timing: AwsTiming,
        clock: Clock,
        machines: Machines,
        agents: Agents,
        log: EventLog,
    ) -> None:
        self.sent: dict[str, Command] = {}
        self._timing = timing
        self._clock = clock
        self._machines = machines
        self._agents = agents
        self._log = log
        self._open: list[Command] = []
        self._answers: deque[tuple[InvocationRun, InvocationResult | None]] = deque()
        self._workers: list[threading.Thread] = []

    def now(self) -> datetime:
        return self._clock.now()

    def on_the_clock(self, limit: timedelta) -> timedelta:
        """How long a limit of the world's time lasts here."""
        return self._clock.scale_script_timeout(limit)

    def send(self, command: Command) -> None:
        """Accept a command; the next tick delivers it."""
        for instance_id in command.instance_ids:
            command.runs[instance_id] = InvocationRun(instance_id, expires_at=command.expires_at)
        self.sent[command.command_id] = command
        self._open.append(command)

    def is_visible(self, command: Command) -> bool:
        """Whether the command's invocations exist for those who ask yet."""
        return self._clock.now() >= command.requested_at + self._timing.invocation_visible_after

    def cancel(self, command: Command, instance_ids: list[str]) -> None:
        """Stop what runs and never deliver what waits; what has ended stays as it is."""
        for instance_id in instance_ids or list(command.runs):
            run = command.runs[instance_id]
            if run.status == "InProgress" and not run.abandoned and self._machines.is_real:
                run.status, run.details = "Cancelling", "Cancelling"
                self._machines.cancel(instance_id, command.command_id)
            elif not run.has_ended:
                self._change(command, run, "Cancelled", "Cancelled", self._clock.now())

    def tick(self) -> None:
        """Deliver, collect and give up what is due by now."""
        now = self._clock.now()
        while self._answers:
            run, outcome = self._answers.popleft()
            run.outcome = outcome
            run.abandoned = run.abandoned or outcome is None
            run.ends_at = max(run.ends_at or now, now)
        for command in self._open:
            for run in command.runs.values():
                if not run.has_ended:
                    self._follow(command, run, now)
        self._open = [each for each in self._open if not all(run.has_ended for run in each.runs.values())]

    def settle(self, timeout: float, tick: Callable[[], None]) -> None:
        """Wait until no machine runs a document, then tick.

        :param timeout: the world's seconds
        :raises TimeoutError: one still runs
        """
        deadline = time.monotonic() + timeout
        tick()
        while workers := [worker for worker in self._workers if worker.is_alive()]:
            workers[0].join(max(0.0, deadline - time.monotonic()))
            if workers[0].is_alive():
                raise TimeoutError(f"a document still runs after {timeout} seconds: {workers[0].name}")
            tick()
        self._workers.clear()

    def _follow(self, command: Command, run: InvocationRun, now: datetime) -> None:
        if run.status == "Pending" and self._agents.is_reachable(run.instance_id):
            self._begin(command, run, now)
        if run.outcome is not None and not run.abandoned and run.ends_at is not None and run.ends_at <= now:
            status: str = run.outcome.status
            details = "ExecutionTimedOut" if status == "TimedOut" else status
            self._change(command, run, status, details, run.ends_at)
        elif (run.status == "Pending" or run.abandoned) and run.expires_at <= now:
            details = "DeliveryTimedOut" if run.status == "Pending" else "ExecutionTimedOut"
            self._change(command, run, "TimedOut", details, run.expires_at)

    def _begin(self, command: Command, run: InvocationRun, now: datetime) -> None:
        run.started_at = now
        run.ends_at = now + self._timing.invocation_lasts
        run.expires_at = now + command.limit
        self._change(command, run, "InProgress", "InProgress", now)
        invocation = Invocation(command.command_id, command.document_name, command.document, command.parameters)
        if not self._machines.is_real:
            run.outcome = self._machines.run(run.instance_id, invocation)
            return
        worker = threading.Thread(
            target=self._work, args=(run, invocation), name=f"{command.document_name} on {run.instance_id}"
        )
        worker.daemon = True
        self._workers = [each for each in self._workers if each.is_alive()]
        self._workers.append(worker)
        worker.start()

    def _work(self, run: InvocationRun, invocation: Invocation) -> None:
        outcome = None
        try:
            outcome = self._machines.run(run.instance_id, invocation)
        except (KeyError, MachineHalted):
            logger.info("%s went down while it ran %s", run.instance_id, invocation.document_name)
        finally:
            self._answers.append((run, outcome))

    def abandon_runs(self, life: TrackedInstance, _: datetime) -> None:
        """The machine is halted: what it ran will not be answered, whatever its processes still say."""
        for command in self._open:
            run = command.runs.get(life.instance.id)
            if run and run.status in ("InProgress", "Cancelling"):
                run.abandoned = True

    def _change(self, command: Command, run: InvocationRun, status: str, details: str, at: datetime) -> None:
        before = command.status
        run.status, run.details = status, details
        if run.has_ended:
            run.ended_at = at
            write_logs(command, run, at)
        detail: dict[str, Any] = {
            "command-id": command.command_id,
            "document-name": command.document_name,
            "requested-date-time": command.requested_at.strftime(MILLISECONDS),
            "status": status,
        }
        origin = EventOrigin(at, command.account, command.region)
        self._log.emit(build_invocation_status_change(origin, run.instance_id, detail))
        if command.status != before:
            detail |= {
                "status": command.status,
                "expire-after": command.expires_at.strftime(MILLISECONDS),
                "parameters": {name: list(values) for name, values in command.parameters.items()},
            }
            self._log.emit(build_command_status_change(origin, command.instance_ids, detail))
