"""Run Command: delivery of documents to the machines of instances, and their status on the cloud's clock."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.domain.common.clock import Clock
from local.aws.core.events import EventLog
from local.aws.core.timing import AwsTiming
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.ssm.agents import Agents
from local.aws.ssm.invocations import Command, InvocationRun
from local.aws.ssm.status_events import emit_status_changes
from local.machines.agent.agent import build_interrupted
from local.machines.errors import MachineHalted
from local.machines.host.interface import Invocation, InvocationResult, Machines

logger = logging.getLogger(__name__)

INTERRUPTION_REPORTED_AFTER = timedelta(seconds=60)
"""Time after which the agent reports a document whose process ended with the machine.
https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/processor/executer/outofproc/master.go
(defaultZombieProcessTimeout)"""

REBOOT_DELAY = timedelta(minutes=1)
"""Time from exit code 194 to the reboot: the agent runs `shutdown -r +1`.
https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/rebooter/rebooter_unix.go"""


class RunCommand:
    """All commands: their delivery to agents and the collection of their results. Callers hold the control lock.

    :ivar sent: commands by id
    """

    def __init__(
        self,
        timing: AwsTiming,
        clock: Clock,
        machines: Machines,
        agents: Agents,
        log: EventLog,
    ) -> None:
        """Start without commands."""
        self.sent: dict[str, Command] = {}
        self._timing = timing
        self._clock = clock
        self._machines = machines
        self._agents = agents
        self._log = log
        self._unfinished: list[Command] = []
        self._results: deque[tuple[InvocationRun, InvocationResult | None]] = deque()
        self._workers: list[threading.Thread] = []

    def now(self) -> datetime:
        """Return the cloud's time."""
        return self._clock.now()

    def scale_limit(self, limit: timedelta) -> timedelta:
        """Return the cloud time that passes during a limit of real time."""
        return self._clock.scale_script_timeout(limit)

    def send(self, command: Command) -> None:
        """Accept a command. The next `tick` delivers it."""
        for instance_id in command.instance_ids:
            command.runs[instance_id] = InvocationRun(instance_id, expires_at=command.expires_at)
        self.sent[command.command_id] = command
        self._unfinished.append(command)

    def is_visible(self, command: Command) -> bool:
        """Return whether the command's invocations can be queried yet."""
        return self._clock.now() >= command.requested_at + self._timing.invocation_hidden_for

    def cancel(self, command: Command, instance_ids: list[str]) -> None:
        """Kill running invocations and do not deliver waiting ones. Ended invocations stay unchanged.

        :param instance_ids: empty for all instances of the command
        """
        for instance_id in instance_ids or list(command.runs):
            run = command.runs[instance_id]
            if run.status == "InProgress" and not run.has_no_report and self._machines.is_real:
                run.status, run.details = "Cancelling", "Cancelling"
                self._machines.cancel(instance_id, command.command_id)
            elif not run.has_ended:
                self._set_status(command, run, "Cancelled", "Cancelled", self._clock.now())

    def tick(self) -> None:
        """Deliver commands, collect results and apply timeouts that are due by now."""
        now = self._clock.now()
        while self._results:
            run, outcome = self._results.popleft()
            self._record_outcome(run, outcome, now)
            run.ends_at = max(run.ends_at or now, now)
        for command in self._unfinished:
            for run in command.runs.values():
                if not run.has_ended:
                    self._update_run(command, run, now)
        self._unfinished = [
            command for command in self._unfinished if not all(run.has_ended for run in command.runs.values())
        ]

    def wait_for_documents(self, timeout: float, tick: Callable[[], None]) -> None:
        """Wait until no machine runs a document, and tick after each document that ends.

        :param timeout: real seconds
        :raises TimeoutError: a document still runs
        """
        deadline = time.monotonic() + timeout
        tick()
        while workers := [worker for worker in self._workers if worker.is_alive()]:
            workers[0].join(max(0.0, deadline - time.monotonic()))
            if workers[0].is_alive():
                raise TimeoutError(f"A document still runs after {timeout} seconds: {workers[0].name}.")
            tick()
        self._workers.clear()

    def _update_run(self, command: Command, run: InvocationRun, now: datetime) -> None:
        if run.status == "Pending" and self._agents.is_reachable(run.instance_id):
            if details := self._agents.take_undelivered():
                self._set_status(command, run, "Failed", details, now)
                return
            self._start_run(command, run, now)
        if run.interrupted_at is not None and not run.is_lost:
            self._report_interruption(command, run, run.interrupted_at, now)
        elif run.outcome is not None and not run.is_lost and run.ends_at is not None and run.ends_at <= now:
            status: str = run.outcome.status
            details = "ExecutionTimedOut" if status == "TimedOut" else status
            self._set_status(command, run, status, details, run.ends_at)
        if not run.has_ended and run.expires_at <= now and (run.status == "Pending" or run.has_no_report):
            details = "DeliveryTimedOut" if run.status == "Pending" else "ExecutionTimedOut"
            self._set_status(command, run, "TimedOut", details, run.expires_at)

    def _report_interruption(
        self, command: Command, run: InvocationRun, interrupted_at: datetime, now: datetime
    ) -> None:
        """Fail the document some time after the agent is back. Until then, it is in progress."""
        back_at = self._agents.find_return(run.instance_id, interrupted_at)
        if back_at is None or back_at + INTERRUPTION_REPORTED_AFTER > now:
            return
        done = run.outcome.steps if run.outcome and run.outcome.report == "interrupted" else ()
        run.outcome = build_interrupted(command.document["mainSteps"][0], done)
        self._set_status(command, run, "Failed", "Failed", back_at + INTERRUPTION_REPORTED_AFTER)

    def _record_outcome(self, run: InvocationRun, outcome: InvocationResult | None, now: datetime) -> None:
        if run.is_lost:
            return
        run.outcome = outcome
        if outcome is None or outcome.report == "interrupted":
            run.interrupted_at = run.interrupted_at or now
        elif outcome.report == "missing":
            run.is_lost = True
        elif run.ends_at is not None:
            run.ends_at += outcome.reboot_count * (REBOOT_DELAY + self._timing.agent_online_after)

    def _start_run(self, command: Command, run: InvocationRun, now: datetime) -> None:
        run.started_at = now
        run.ends_at = now + self._timing.min_invocation_for
        run.expires_at = now + command.limit
        self._set_status(command, run, "InProgress", "InProgress", now)
        run.is_lost = self._agents.replace_if_due(run.instance_id)
        invocation = Invocation(command.command_id, command.document_name, command.document, command.parameters)
        if not self._machines.is_real:
            self._record_outcome(run, self._machines.run(run.instance_id, invocation), now)
            return
        worker = threading.Thread(
            target=self._run_document, args=(run, invocation), name=f"{command.document_name} on {run.instance_id}"
        )
        worker.daemon = True
        self._workers = [thread for thread in self._workers if thread.is_alive()]
        self._workers.append(worker)
        worker.start()

    def _run_document(self, run: InvocationRun, invocation: Invocation) -> None:
        outcome = None
        try:
            outcome = self._machines.run(run.instance_id, invocation)
        except (KeyError, MachineHalted):
            logger.info("%s halted while it ran %s.", run.instance_id, invocation.document_name)
        finally:
            self._results.append((run, outcome))

    def interrupt_runs(self, tracked: TrackedInstance, at: datetime) -> None:
        """Record that a machine halts: the running documents end, even if their processes still print."""
        for command in self._unfinished:
            run = command.runs.get(tracked.instance.id)
            if run and run.status in ("InProgress", "Cancelling") and run.interrupted_at is None:
                run.interrupted_at = at

    def _set_status(self, command: Command, run: InvocationRun, status: str, details: str, at: datetime) -> None:
        before = command.status
        run.status, run.details = status, details
        if run.has_ended:
            run.ended_at = at
            self._agents.write_logs(command, run, at)
        emit_status_changes(self._log, command, run, before, at)
