"""Launch a moving instance at its target, and end the move when it is ready there or cannot become ready."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import LAUNCH_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.ec2_instance import STARTED_STATES, Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.lifecycle.former_place import build_former_place
from chalicelib.domain.instances.lifecycle.move_end import NOT_READY_PHASES, end_successfully, fail_move
from chalicelib.domain.instances.lifecycle.move_source_loss import find_loss_at_launch
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, with_phase
from chalicelib.domain.instances.move_choice import build_move_choice
from chalicelib.domain.instances.move_state import MoveState, MoveStep, MoveTarget, add_former_disk
from chalicelib.domain.instances.observation import Unavailable
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Spec
from chalicelib.domain.setup.state import collect_documents_for_image

EC2_RETURNED_IT = "EC2 had interrupted it, and has started it again there for its spot request."


def begin_launch(instance: Instance, move: MoveState, now: datetime) -> Plan:
    """Let go of the EC2 instance, which stays stopped, and launch another one at the target.

    Both have the id of the record in their tags. `ended_instance_ids` keeps the record from finding the former one.
    """
    former, target, launch = build_former_place(instance), move.target, instance.launch
    size = target.hardware.instance_type
    message = f"The disk of {instance.name} is copied. Launching it as {size} in {target.region}."
    reason = EventReason(code=EventCode.MOVING, message=message)
    launched = replace(move, step=MoveStep.LAUNCH, step_since=now, called_at=None, former=former)
    launching = replace(
        with_phase(instance, Phase.LAUNCHING, reason, now),
        move=launched,
        ec2_instance=None,
        tagged_id=None,
        state_request=None,
        launch=LaunchState(
            attempt_count=launch.attempt_count,
            started_at=now,
            uncancelled_requests=launch.uncancelled_requests,
            ended_instance_ids=(*launch.ended_instance_ids, former.ec2_instance.instance_id),
        ),
        spec=_build_spec(instance.spec, target),
        setup=replace(
            instance.setup.begin_again(target.documents, on_running_instance=False),
            installed_documents=collect_documents_for_image(instance.setup),
            results=(),
        ),
        observed=ObservedState(),
        ready_since=None,
        billing=replace(instance.billing, rates=add_former_disk(launched, target.rates)),
    )
    return replace(record_event(launching, reason, now), requeue=True)


def decide_launch(
    instance: Instance, move: MoveState, former_state: Ec2State | Unavailable | None, overdue: str | None, now: datetime
) -> Plan | None:
    """End the move when the instance is ready at its target, or cannot become ready.

    A former instance that was started, by a person or by EC2 for its spot request, may have newer work on its disk. So
    has an instance that is ready at the target, also if its former region does not respond: its move has succeeded.
    """
    if instance.is_termination_requested:
        return _wait_for_sent_launch(instance, now) or fail_move(instance, "Its termination was requested.", now)
    if instance.has_moved:
        return end_successfully(instance, move, now)
    if former_state in STARTED_STATES:
        cause = _describe_started_former(move)
        return _wait_for_sent_launch(instance, now) or fail_move(instance, cause, now, is_started=True)
    lost = find_loss_at_launch(instance, move, former_state, now)
    if lost:
        return lost
    if instance.phase in (Phase.FAILED, *NOT_READY_PHASES):
        return fail_move(instance, instance.reason.message, now)
    if overdue is None:
        return None
    return _wait_for_sent_launch(instance, now) or fail_move(instance, overdue, now)


def _describe_started_former(move: MoveState) -> str:
    """Return who started the former EC2 instance, as sentences."""
    interruption = move.former.interruption if move.former else None
    if interruption and interruption.has_happened:
        return f"{EC2_RETURNED_IT} Its disk may have changed. Request the move again when it is stopped."
    return "Its former EC2 instance was started outside gpudesk meanwhile, so its disk may have changed."


def _build_spec(spec: Spec, target: MoveTarget) -> Spec:
    """Return the spec at the target: the launch tries no other place or type, and waits for no larger quota."""
    return replace(
        spec,
        desired=DesiredState.RUNNING,
        region=target.region,
        hardware=target.hardware,
        free_disk_gib=None,
        launch_choice=build_move_choice(spec, target),
        wait_for_quota=False,
    )


def _wait_for_sent_launch(instance: Instance, now: datetime) -> Plan | None:
    """Wait while EC2 may still show the instance of a launch request that was sent. It is not sent again.

    :returns: None if the move can end
    """
    attempt = instance.launch.attempt
    called_at = attempt.last_called_at if attempt else None
    if instance.ec2_instance or called_at is None or now - called_at >= LAUNCH_VISIBILITY_DEADLINE:
        return None
    message = f"The move of {instance.name} ends when it is known whether its launch had an effect."
    return no_op(instance, EventCode.CANCEL_PENDING, message)
