"""Views of an instance as a whole."""

from datetime import datetime
from decimal import Decimal

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import ConsequenceCodeText, DesiredStateText, PhaseText
from chalicelib.api.common_views import ReasonView, WriteWarningView, to_reason_view, to_warnings_view
from chalicelib.api.instances.spec_views import SpecView, to_spec_view
from chalicelib.api.instances.status_views import StatusView, to_status_view
from chalicelib.control.services.queries import InstanceSnapshot, LiveState
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.instances.metering import compute_cost
from chalicelib.domain.instances.record import Instance


class InstanceView(TypedDict):
    """An instance.

    `desired`: the desired state (running, stopped or terminated). `phase`: the current state; `reason` says why.
    """

    id: str
    name: str
    owner: str
    desired: DesiredStateText
    phase: PhaseText
    reason: ReasonView
    spec: SpecView
    status: StatusView


class InstanceWithWarningsView(InstanceView):
    """The instance after a write, with remarks on the write."""

    warnings: list[WriteWarningView]


class ConsequenceView(TypedDict):
    """Something that a requested stop or termination costs, ends or deletes."""

    code: ConsequenceCodeText
    message: str


class InstanceWithConsequencesView(InstanceWithWarningsView):
    """The instance after a request to stop, start or terminate it, and what that costs, ends and deletes."""

    consequences: list[ConsequenceView]


def to_instance_view(instance: Instance, cost_so_far: Decimal, live: LiveState) -> InstanceView:
    """Return the view of an instance.

    :param cost_so_far: in US dollars
    """
    return {
        "id": instance.id,
        "name": instance.name,
        "owner": instance.owner,
        "desired": str(instance.spec.desired),
        "phase": str(instance.phase),
        "reason": to_reason_view(instance.reason),
        "spec": to_spec_view(instance.spec),
        "status": to_status_view(instance, cost_so_far, live),
    }


def to_snapshot_view(snapshot: InstanceSnapshot) -> InstanceView:
    """Return the view of an instance as of now."""
    return to_instance_view(snapshot.instance, snapshot.cost_so_far, snapshot.live)


def to_view_after_write(
    instance: Instance, now: datetime, *warnings: WriteWarning | None, reason: Reason | None = None
) -> InstanceWithWarningsView:
    """Return the answer to a write: the instance without its activity, which only GET determines, and warnings.

    :param reason: what follows from the request; None: the reason of the present phase
    """
    return {
        **to_instance_view(instance, compute_cost(instance, now), LiveState()),
        "reason": to_reason_view(reason or instance.reason),
        "warnings": to_warnings_view(*warnings),
    }
