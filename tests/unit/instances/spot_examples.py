"""Spot instances, requests and observations for tests of decisions."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import (
    Interruption,
    InterruptionAction,
    InterruptionWarning,
    ObservedSpotRequest,
    SpotRequestState,
    SpotTerms,
)
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID, MINUTE, START
from tests.unit.instances.simulation import build_instance

EC2_SPOT = replace(EC2_RUNNING, market=Market.SPOT, spot_instance_request_id="sir-1")
INTERRUPTED = StateReason(code="Server.SpotInstanceShutdown", cause=EndCause.SPOT)
STOPPED_BY_CALL = StateReason(code="Client.UserInitiatedShutdown", cause=EndCause.CALL)
WARNING = InterruptionWarning(action=InterruptionAction.STOP, interrupts_at=START + 2 * MINUTE)


def build_spot_instance(*, resumes: bool = False) -> Instance:
    """Return a ready instance on spot.

    :param resumes: EC2 may start it again
    """
    instance = build_instance()
    spec = replace(instance.spec, market=Market.SPOT, spot=SpotTerms(resume_after_interruption=resumes))
    return replace(instance, spec=spec, ec2_instance=EC2_SPOT.to_ec2_instance())


def with_warning(instance: Instance, warning: InterruptionWarning = WARNING) -> Instance:
    """Return the record after a warning was recorded."""
    return replace(instance, observed=replace(instance.observed, interruption=Interruption(warning=warning)))


def build_request(
    state: SpotRequestState, *, instance_id: str | None = INSTANCE_ID, tag_id: str = "gd-1", at: datetime = START
) -> ObservedSpotRequest:
    """Return a spot request of the instance."""
    return ObservedSpotRequest(
        request_id="sir-1",
        tag_id=tag_id,
        region="us-east-1",
        state=state,
        instance_id=instance_id,
        status_code="fulfilled",
        updated_at=at,
    )


def observe(state: Ec2State = Ec2State.RUNNING, reason: StateReason | None = None) -> Observation:
    """Return what EC2 shows of the instance."""
    ec2: ObservedInstance = replace(EC2_SPOT, state=state, state_reason=reason)
    return Observation(ec2=ec2)
