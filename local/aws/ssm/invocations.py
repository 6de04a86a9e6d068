"""Data of a command and of its invocation on each instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.machines.host.interface import InvocationResult, StepResult

MAX_SIMULATED_SECONDS = 0.05
"""Real seconds below which all steps together count as simulated: no script really ran."""

ENDED_STATUSES = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


@dataclass
class InvocationRun:
    """One command on one instance.

    :param status: Pending, InProgress, Cancelling, or one of `ENDED_STATUSES`
    :param details: detailed status, for example ExecutionTimedOut
    :param expires_at: time at which it times out without a result
    :param ends_at: earliest possible end; None before the start
    :param interrupted_at: when its machine went down; None unless that happened during the document
    :param is_lost: whether the agent has forgotten it, so that no report follows
    :param outcome: result of the machine; None until it is known
    """

    instance_id: str
    expires_at: datetime
    status: str = "Pending"
    details: str = "Pending"
    started_at: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    interrupted_at: datetime | None = None
    is_lost: bool = False
    outcome: InvocationResult | None = None

    @property
    def has_ended(self) -> bool:
        """Return whether the status is final."""
        return self.status in ENDED_STATUSES

    @property
    def has_no_report(self) -> bool:
        """Return whether the agent cannot report its end, or only after its machine is up again."""
        return self.is_lost or self.interrupted_at is not None

    def find_step(self, name: str) -> StepResult | None:
        """Return the result of a step; None until the document has ended."""
        if self.outcome is None or not self.has_ended:
            return None
        return next((step for step in self.outcome.steps if step.name == name), None)

    def find_times(self, name: str) -> tuple[datetime | None, datetime | None]:
        """Return start and end of a step, or those of the document until it has ended.

        The steps divide the document's time on the cloud's clock in proportion to their real durations, or equally if
        they are simulated.
        """
        if self.find_step(name) is None or self.outcome is None or self.started_at is None or self.ended_at is None:
            return self.started_at, self.ended_at
        ran = [step for step in self.outcome.steps if step.status != "Skipped"] or self.outcome.steps
        is_simulated = sum(step.seconds for step in ran) < MAX_SIMULATED_SECONDS
        start = self.started_at
        unit = (self.ended_at - start) / (len(ran) if is_simulated else sum(step.seconds for step in ran))
        for step in ran:
            ended = start + unit * (1.0 if is_simulated else step.seconds)
            if step.name == name:
                return start, ended
            start = ended
        return start, start


@dataclass
class Command:
    """A command as SendCommand accepted it.

    :param document: content in schema 2.2
    :param plugins: names by which Run Command calls the steps, each with the step's own name
    :param limit: longest time on a machine, on the cloud's clock
    :param timeout_seconds: longest time until its delivery, on the cloud's clock
    :param log_group: log group in CloudWatch Logs for the output of its steps; None without logs
    """

    command_id: str
    account: str
    region: str
    document_name: str
    document_version: str
    document: Mapping[str, Any]
    plugins: Mapping[str, str]
    limit: timedelta
    parameters: Mapping[str, Sequence[str]]
    comment: str
    timeout_seconds: int
    requested_at: datetime
    expires_at: datetime
    instance_ids: Sequence[str]
    targets: Sequence[Mapping[str, Any]]
    log_group: str | None = None
    runs: dict[str, InvocationRun] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Return the worst status of its invocations if all have ended, else that of one that has not ended."""
        statuses = [run.status for run in self.runs.values()]
        running = [status for status in statuses if status not in ENDED_STATUSES]
        if running:
            return "Pending" if all(status == "Pending" for status in statuses) else running[-1]
        return next((status for status in ("Failed", "TimedOut", "Cancelled") if status in statuses), "Success")
