"""The result of a command, and the checks and texts about the state of an instance that several commands share."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.record import ENDING_PHASES, LAUNCHING_PHASES, STOPPED_PHASES, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

STATE_DESCRIPTIONS: Mapping[Phase, str] = {
    Phase.REQUESTED: "is being launched",
    Phase.LAUNCHING: "is being launched",
    Phase.BOOTING: "is booting",
    Phase.SETTING_UP: "is being set up",
    Phase.READY: "is ready",
    Phase.STOPPING: "is being stopped",
    Phase.STOPPED: "is stopped",
    Phase.TERMINATING: "is being terminated",
    Phase.TERMINATED: "is terminated",
    Phase.FAILED: "has failed",
}


@dataclass(frozen=True)
class RecordChange:
    """A changed record and its timeline entries. Without entries, the command changes nothing."""

    instance: Instance
    entries: tuple[TimelineEntry, ...] = ()


def is_ending(instance: Instance) -> bool:
    """Return whether an instance is terminated or will be."""
    return instance.phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED


def is_waiting_for_quota(instance: Instance) -> bool:
    """Return whether a launch waits for a quota: nothing runs, and nothing is being launched."""
    wait = instance.launch.quota_wait
    is_unlaunched = instance.phase in LAUNCHING_PHASES and instance.ec2_instance is None
    return wait is not None and not wait.is_over and is_unlaunched


def require_not_ending(instance: Instance, command: str) -> None:
    """Check that an instance is not terminated, and that nobody requested that.

    :param command: what cannot be done otherwise, as "be stopped"
    :raises Conflict: it is terminated or will be
    """
    if is_ending(instance):
        message = f"{instance.name} {describe_state(instance)}. It cannot {command}."
        raise Conflict(message, code=ErrorCode.INSTANCE_TERMINATED)


def describe_state(instance: Instance) -> str:
    """Return the predicate of a sentence about the state of an instance: "is stopped", "will be stopped"."""
    phase, desired = instance.phase, instance.spec.desired
    if phase in ENDING_PHASES:
        return STATE_DESCRIPTIONS[phase]
    if desired is DesiredState.TERMINATED:
        return "will be terminated"
    if is_waiting_for_quota(instance):
        return "waits for a larger quota"
    if desired is DesiredState.STOPPED and phase not in STOPPED_PHASES:
        return "will be stopped"
    if desired is DesiredState.RUNNING and phase in STOPPED_PHASES:
        return "will be started"
    if phase is Phase.BOOTING and instance.ec2_instance and instance.ec2_instance.state is Ec2State.STOPPED:
        return "waits for capacity" if instance.start.refused_since else "is being started"
    if phase is Phase.STOPPED and instance.is_disk_moving:
        return "is moving: its disk is being copied"
    return STATE_DESCRIPTIONS[phase]


def describe_not_ready(instance: Instance, request: str) -> str:
    """Return why a request has to wait until an instance is ready, and what to do first, in sentences.

    :param request: the request as the beginning of a sentence: "Request the image"
    """
    name = instance.name
    state = f"{name} {describe_state(instance)}."
    if instance.phase is Phase.FAILED and instance.ec2_instance is None:
        return f"{state} {instance.reason.message} Launch another instance."
    remedy = ""
    if instance.is_disk_moving:
        remedy = ""
    elif instance.spec.desired is DesiredState.STOPPED:
        remedy = f" Start it first (POST /instances/{name}/start)."
    elif instance.phase is Phase.FAILED:
        remedy = f" Run its setup again first (POST /instances/{name}/setup)."
    return f"{state}{remedy} {request} when it is ready."
