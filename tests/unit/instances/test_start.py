"""A start that AWS does not accept is repeated, and the cause is named in the end."""

from dataclasses import replace

from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.outcome import CallAccepted
from chalicelib.domain.instances.plan import Start, Step
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.ready_instance import EC2_RUNNING
from tests.unit.instances.simulation import Simulation, build_instance, get_time

STOPPED = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED))
THROTTLED = TransientAwsError("RequestLimitExceeded", "Request limit exceeded.")
CAUSE = "AWS did not accept the start: Request limit exceeded (RequestLimitExceeded)."


def build_starting_instance() -> Instance:
    instance = build_instance()
    claim = Claim(action=ClaimAction.START, claimed_at=get_time(0), reason=instance.reason)
    return replace(instance, phase=Phase.BOOTING, phase_since=get_time(0), claim=claim)


def throttle(_: Step) -> TransientAwsError:
    return THROTTLED


def test_start_that_aws_throttles_until_the_deadline_names_the_error() -> None:
    simulation = Simulation(build_starting_instance(), observed=STOPPED, call=throttle)
    simulation.run_minutes(1, 16)
    assert simulation.instance.phase is Phase.STOPPED
    assert f"within 15 min. {CAUSE} Start it again later" in simulation.instance.reason.message


def test_accepted_start_forgets_the_error_of_an_earlier_call() -> None:
    throttled = outcomes.record_outcome(build_starting_instance(), Start(), THROTTLED, get_time(1)).instance
    assert throttled.claim is not None
    assert throttled.claim.last_error == CAUSE
    accepted = outcomes.record_outcome(throttled, Start(), CallAccepted(), get_time(2)).instance
    assert accepted.claim is not None
    assert accepted.claim.last_error is None
