"""Run the setup of an instance again, or add a recipe to it."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.instances.commands.change import RecordChange, describe_not_ready, require_not_ending
from chalicelib.domain.instances.commands.setup_request import SetupRequest
from chalicelib.domain.instances.lifecycle.plans import with_phase
from chalicelib.domain.instances.lifecycle.stop_warnings import build_cancellation_reason
from chalicelib.domain.instances.record import LAUNCHING_PHASES, STOPPED_PHASES, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Spec
from chalicelib.domain.instances.warning import WarningType
from chalicelib.domain.setup.parameters import format_values
from chalicelib.domain.setup.state import AddedRecipe, SetupState

PHASES_BEFORE_READY = (*LAUNCHING_PHASES, Phase.BOOTING)


def apply_setup_request(instance: Instance, request: SetupRequest, actor: Actor, now: datetime) -> RecordChange:
    """Put the requested setup into the record. The same request during that setup changes nothing.

    :raises Conflict: the instance cannot be set up now
    """
    if instance.phase is Phase.SETTING_UP and _is_in_progress(instance.setup, request):
        return RecordChange(instance)
    _require_can_set_up(instance, request.recipe)
    entries = _describe_request(instance, request, actor, now)
    unwarned, cancelled = _cancel_outdated_warning(instance, now)
    is_ready = instance.phase is Phase.READY
    setup = instance.setup.begin_again(request.documents, on_running_instance=is_ready, recipe=request.recipe)
    message = f"{instance.name} is being set up with {request.recipe}, as {actor.name} requested."
    reason = EventReason(code=EventCode.SETTING_UP, message=message)
    changed = replace(
        with_phase(unwarned, Phase.SETTING_UP, reason, now),
        spec=_with_recipe(instance.spec, request),
        setup=setup,
        observed=replace(instance.observed, activity_unknown_since=None),
    )
    return RecordChange(changed, (*entries, *cancelled))


def _describe_request(
    instance: Instance, request: SetupRequest, actor: Actor, now: datetime
) -> tuple[TimelineEntry, ...]:
    """Return the timeline entries about a request: who requested what, and which steps are skipped."""
    is_again = request.recipe in instance.spec.software.recipes
    verb = "run recipe {} again on {}" if is_again else "add recipe {} to {}"
    parameters = f" with {format_values(request.given_parameters)}" if request.given_parameters else ""
    message = f"{actor.name} requested to {verb.format(request.recipe, instance.name)}{parameters}."
    reason = EventReason(code=EventCode.SETUP_REQUESTED, message=message)
    requested = timeline_entry(now, reason, actor=actor.name, details={"recipe": request.recipe})
    if not request.skipped_message:
        return (requested,)
    skipped = EventReason(code=EventCode.GPU_STEPS_SKIPPED, message=request.skipped_message)
    return requested, timeline_entry(now, skipped)


def _is_in_progress(setup: SetupState, request: SetupRequest) -> bool:
    return setup.recipe == request.recipe and setup.documents == request.documents


def _require_can_set_up(instance: Instance, recipe: str) -> None:
    """Check that an instance can be set up now.

    :raises Conflict: with the reason, and what to do first
    """
    name, phase = instance.name, instance.phase
    _require_running(instance)
    if phase is Phase.SETTING_UP:
        message = f"{name} is being set up with {instance.setup.recipe}. Request the setup when it is ready."
        raise Conflict(message, code=ErrorCode.SETUP_IN_PROGRESS)
    if instance.benchmark_run:
        message = f"A benchmark is running on {name}. Request the setup when it has ended."
        raise Conflict(message, code=ErrorCode.BENCHMARK_IN_PROGRESS)
    if instance.image_in_progress:
        message = (
            f"An image of {name} is being created and would contain half of the setup. Request the setup when the "
            "image is available."
        )
        raise Conflict(message, code=ErrorCode.IMAGE_IN_PROGRESS)
    if instance.ec2_instance is None:
        message = f"{name} has failed and has no EC2 instance. {instance.reason.message}"
        raise Conflict(message, code=ErrorCode.INSTANCE_FAILED)
    failed = instance.setup.recipe or instance.spec.software.recipe
    if phase is Phase.FAILED and recipe != failed:
        message = (
            f"Setup of recipe {failed} failed on {name}. Run it again first (POST /instances/{name}/setup without "
            f"`recipe`), or launch a new instance with {recipe}."
        )
        raise Conflict(message, code=ErrorCode.PREVIOUS_SETUP_FAILED)


def _require_running(instance: Instance) -> None:
    """Check that an instance runs, and that nobody requested its end.

    :raises Conflict: it does not run
    """
    phase, desired = instance.phase, instance.spec.desired
    require_not_ending(instance, "be set up")
    if phase in PHASES_BEFORE_READY:
        raise Conflict(describe_not_ready(instance, "Request the setup"), code=ErrorCode.NOT_READY)
    if phase in STOPPED_PHASES or (desired is DesiredState.STOPPED and phase is not Phase.SETTING_UP):
        raise Conflict(describe_not_ready(instance, "Request the setup"), code=ErrorCode.NOT_RUNNING)


def _with_recipe(spec: Spec, request: SetupRequest) -> Spec:
    """Return the spec with the recipe and its parameters, so that a stop and a start keep them."""
    software = spec.software
    if request.recipe == software.recipe:
        return replace(spec, software=replace(software, parameters=dict(request.parameters)))
    added = AddedRecipe(recipe=request.recipe, parameters=dict(request.parameters))
    if request.recipe not in software.recipes:
        return replace(spec, software=replace(software, added_recipes=(*software.added_recipes, added)))
    recipes = tuple(added if recipe.recipe == request.recipe else recipe for recipe in software.added_recipes)
    return replace(spec, software=replace(software, added_recipes=recipes))


def _cancel_outdated_warning(instance: Instance, now: datetime) -> tuple[Instance, tuple[TimelineEntry, ...]]:
    """Cancel a warning of idleness or failure: a setup ends both. A lifetime warning stays."""
    warning = instance.warning
    if warning is None or warning.warning_type not in (WarningType.IDLE, WarningType.FAILED):
        return instance, ()
    entry = timeline_entry(now, build_cancellation_reason(instance, "It is being set up."))
    return replace(instance, warning=None), (entry,)
