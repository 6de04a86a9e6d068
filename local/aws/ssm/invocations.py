"""A command that was sent, and what becomes of it on each instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.machines.host.port import InvocationResult, StepResult

ROUGHLY_NOTHING = 0.05
"""Seconds that the steps of a simulated machine take together."""

ENDED = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


@dataclass
class InvocationRun:
    """One invocation: a command on one instance.

    :param status: Pending, InProgress, Cancelling, or one of `ENDED`
    :param details: the status in more detail (ExecutionTimedOut)
    :param ends_at: when it may end at the earliest; None before it began
    :param expires_at: when it is given up if the machine does not answer
    :param abandoned: the machine it ran on was halted: no answer will come
    :param outcome: what the machine answered
    """

    instance_id: str
    expires_at: datetime
    status: str = "Pending"
    details: str = "Pending"
    started_at: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    abandoned: bool = False
    outcome: InvocationResult | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def step(self, name: str) -> StepResult | None:
        """What became of a step, once the document has ended."""
        if self.outcome is None or not self.has_ended:
            return None
        return next((step for step in self.outcome.steps if step.name == name), None)

    def times(self, name: str) -> tuple[datetime | None, datetime | None]:
        """When a step began and ended, once the document has ended.

        Steps share the invocation's time on the cloud's clock as they shared the world's, equally where they took none.
        """
        if self.step(name) is None or self.outcome is None or self.started_at is None or self.ended_at is None:
            return self.started_at, self.ended_at
        ran = [step for step in self.outcome.steps if step.status != "Skipped"]
        is_simulated = sum(step.seconds for step in ran) < ROUGHLY_NOTHING
        began = self.started_at
        unit = (self.ended_at - began) / (len(ran) if is_simulated else sum(step.seconds for step in ran))
        for step in ran:
            ended = began + unit * (1.0 if is_simulated else step.seconds)
            if step.name == name:
                return began, ended
            began = ended
        return began, began


@dataclass
class Command:
    """What SendCommand made of a request.

    :param document: its content in schema 2.2
    :param plugins: what the calls name each step by, to the step's own name
    :param limit: how long it may take on a machine, on the cloud's clock
    :param log_group: of CloudWatch Logs, for what its steps say
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
        """The worst of its invocations' once all have ended, else how far the first has come."""
        statuses = [run.status for run in self.runs.values()]
        running = [status for status in statuses if status not in ENDED]
        if running:
            return "Pending" if all(status == "Pending" for status in statuses) else running[-1]
        return next((each for each in ("Failed", "TimedOut", "Cancelled") if each in statuses), "Success")
