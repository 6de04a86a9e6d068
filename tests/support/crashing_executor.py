"""Executor that raises an error of the test after a call to AWS."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.control.loop.execute_step import Executor
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Step
from chalicelib.domain.instances.record import Instance


@dataclass(frozen=True)
class CrashingExecutor(Executor):
    """Executes a step, then calls `crash` with the step and its outcome."""

    crash: Callable[[Step, Outcome], None]

    def execute(self, instance: Instance, step: Step) -> Outcome:
        outcome = super().execute(instance, step)
        self.crash(step, outcome)
        return outcome
