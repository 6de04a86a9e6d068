"""Find what EC2's answers say about capacity: outcomes of calls, and what became of accepted launches."""

import hashlib
from datetime import datetime

from chalicelib.domain.common.aws_errors import InsufficientCapacity, RepeatedRefusal
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Launch, Start, Step
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance, Phase
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.region_capacity import CapacityAnswer, CapacityKey
from chalicelib.domain.offers.zone_hints import find_zones

NO_CAPACITY_CODE = "InsufficientInstanceCapacity"
"""Code of a refusal whose text can name zones with capacity. As a state reason, `Server.` precedes it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
"""


def find_answer_to_call(instance: Instance, step: Step, outcome: Outcome, now: datetime) -> CapacityAnswer | None:
    """Return what the outcome of a call says about capacity.

    An accepted launch or start says nothing yet: EC2 may end it for lack of capacity.

    :param instance: the record with the step's attempt or claim
    :returns: None: nothing, or EC2 was not called
    """
    if isinstance(outcome, RepeatedRefusal):
        return None
    match step, outcome:
        case Launch(attempt), InsufficientCapacity():
            return _build_launch_answer(attempt, Result.REFUSED, now, _find_hints(attempt.region, outcome))
        case Start(), InsufficientCapacity():
            return _build_start_answer(instance, Result.REFUSED, now, _find_hints(instance.spec.region, outcome))
        case _:
            return None


def find_answer_in_change(
    before: Instance, after: Instance, observation: Observation, now: datetime
) -> CapacityAnswer | None:
    """Return what an observed EC2 instance says about capacity, once the record has changed because of it.

    - EC2 shows for the first time that a launched or started instance runs: it was launched.
    - EC2 has ended an accepted launch or start for lack of capacity: it was refused.

    :param before: the record before the decision
    :param after: the record after it
    """
    observed, attempt = observation.ec2, before.launch.attempt
    if not isinstance(observed, ObservedInstance):
        return None
    if observed.instance_id in set(after.launch.ended_instance_ids) - set(before.launch.ended_instance_ids):
        return _build_end_answer(after, observed, now)
    if after.start.refusal_count > before.start.refusal_count:
        return _build_start_answer(after, Result.REFUSED, now)
    is_running = after.ec2_instance is not None and after.ec2_instance.state is Ec2State.RUNNING
    if is_running and _is_starting(before):
        return _build_started_answer(after, observed, now)
    is_first_run = observed.state is Ec2State.RUNNING and _is_unseen(before) and after.ec2_instance is not None
    if is_first_run and attempt is not None and attempt.sent_at is not None and attempt.zone == observed.zone:
        return _build_launch_answer(attempt, Result.LAUNCHED, now)
    return None


def _is_starting(instance: Instance) -> bool:
    """Return whether EC2 has not yet shown that an instance runs that was stopped before."""
    machine = instance.ec2_instance
    is_off = machine is not None and machine.state is not Ec2State.RUNNING
    return instance.phase is Phase.BOOTING and is_off and not _is_unseen(instance)


def _is_unseen(instance: Instance) -> bool:
    """Return whether EC2 has not yet shown the instance of a launch as running. A start has a claim."""
    machine = instance.ec2_instance
    is_new = instance.phase in (*LAUNCHING_PHASES, Phase.BOOTING) and instance.claim is None
    return is_new and not instance.observed.agent_seen and (machine is None or machine.state is Ec2State.PENDING)


def _build_launch_answer(
    attempt: LaunchAttempt, result: Result, now: datetime, hinted_zones: tuple[str, ...] = ()
) -> CapacityAnswer:
    """Return the answer to an attempt. Its token contains the number of the attempt and the zone."""
    return CapacityAnswer(
        id=_build_id(attempt.token, result),
        region=attempt.region,
        key=CapacityKey(attempt.instance_type, attempt.zone, attempt.market),
        result=result,
        at=now,
        hinted_zones=hinted_zones,
    )


def _build_start_answer(
    instance: Instance, result: Result, now: datetime, hinted_zones: tuple[str, ...] = ()
) -> CapacityAnswer | None:
    """Return the refusal of a start; None if the record has let go of the claim or of the EC2 instance.

    The time of the call was written before the call, so it is the number of the attempt.
    """
    ec2_instance, claim = instance.ec2_instance, instance.claim
    if ec2_instance is None or claim is None or claim.last_called_at is None:
        return None
    return CapacityAnswer(
        id=_build_id(f"{ec2_instance.instance_id}|{claim.last_called_at.isoformat()}", result),
        region=instance.spec.region,
        key=_build_key(instance, ec2_instance),
        result=result,
        at=now,
        hinted_zones=hinted_zones,
    )


def _build_started_answer(instance: Instance, observed: ObservedInstance, now: datetime) -> CapacityAnswer:
    """Return the success of a start. EC2 changes the launch time of an instance with each start."""
    return CapacityAnswer(
        id=_build_id(f"{observed.instance_id}|{observed.launched_at.isoformat()}", Result.LAUNCHED),
        region=observed.region,
        key=_build_key(instance, observed.to_ec2_instance()),
        result=Result.LAUNCHED,
        at=now,
    )


def _build_end_answer(instance: Instance, observed: ObservedInstance, now: datetime) -> CapacityAnswer | None:
    """Return the refusal of an accepted launch that has ended; None if it ended for another reason."""
    reason = observed.state_reason
    if reason is None or not reason.code.endswith(NO_CAPACITY_CODE):
        return None
    return CapacityAnswer(
        id=_build_id(observed.instance_id, Result.REFUSED),
        region=observed.region,
        key=_build_key(instance, observed.to_ec2_instance()),
        result=Result.REFUSED,
        at=now,
    )


def _build_key(instance: Instance, ec2_instance: Ec2Instance) -> CapacityKey:
    return CapacityKey(instance.spec.hardware.instance_type, ec2_instance.zone, instance.spec.market)


def _find_hints(region: str, error: InsufficientCapacity) -> tuple[str, ...]:
    """Return the zones that a refusal names. Texts of other codes name zones that offer the type, full or not."""
    return find_zones(error.message, region) if error.code == NO_CAPACITY_CODE else ()


def _build_id(call: str, result: Result) -> str:
    return hashlib.sha256(f"{call}|{result}".encode()).hexdigest()[:16]
