"""A decision in progress, which one stage after another completes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A decision in progress. Each stage returns it with a newer record, or with a plan.

    :param before: the record as it was read
    :param instance: the record with everything that the observation shows
    :param plan: None until a stage has decided
    """

    before: Instance
    instance: Instance
    observation: Observation
    now: datetime
    context: DecisionContext
    plan: Plan | None = None

    @property
    def decided_plan(self) -> Plan:
        """The plan, once a stage has decided.

        :raises ValueError: no stage has decided yet
        """
        if self.plan is None:
            raise ValueError(f"{self.before.id}: no stage has decided")
        return self.plan


Stage = Callable[[Decision], Decision]
