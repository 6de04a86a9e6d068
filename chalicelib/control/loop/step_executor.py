"""The port through which a reconcile makes its calls to AWS."""

from typing import Protocol

from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Step
from chalicelib.domain.instances.record import Instance


class StepExecutor(Protocol):
    """Makes the call of a step."""

    def execute(self, instance: Instance, step: Step) -> Outcome:
        """Make the call and return its outcome. An AWS error is an outcome, too."""
        ...

    def add_memory(self) -> "StepExecutor":
        """Return an executor for one sweep, which makes no call again that cannot have another outcome."""
        ...
