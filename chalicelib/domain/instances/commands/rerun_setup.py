"""A recipe on an instance that is there: run again, or added. What it comes to, and what that changes in the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, build_validation_error
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.instances.commands.change import ENDING_PHASES, RecordChange
from chalicelib.domain.instances.lifecycle.plans import warning_cancelled, with_phase
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Spec, collect_documents
from chalicelib.domain.instances.warning import WarningType
from chalicelib.domain.setup.parameters import ParameterValue, format_values, resolve_values
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument, unknown_recipe_error
from chalicelib.domain.setup.requirements import suggest_types
from chalicelib.domain.setup.results import DocumentResult
from chalicelib.domain.setup.state import AddedRecipe, SetupState

MAX_RETAINED_RESULTS = 20
"""Of earlier documents, in the record, beside the last of each; the timeline has them all."""

PHASES_BEFORE_READY = (Phase.REQUESTED, Phase.LAUNCHING, Phase.BOOTING)


@dataclass(frozen=True)
class SetupRequest:
    """What is to be run, complete.

    :param given_parameters: the parameters that were given, the others being those of before or the defaults
    :param skipped_message: what of it the machine has no use for, in words
    """

    recipe: str
    parameters: Mapping[str, ParameterValue]
    documents: tuple[RecipeDocument, ...]
    given_parameters: Mapping[str, ParameterValue]
    skipped_message: str | None


def build_setup_request(
    instance: Instance,
    name: str | None,
    given: Mapping[str, ParameterValue],
    recipes: Mapping[str, Recipe],
    catalog: InstanceTypeCatalog,
) -> SetupRequest:
    """What was asked for, made complete: parameters that are not given stay as they were chosen before.

    :param name: the recipe; None: the one that failed, or else the one that it was launched with
    :raises Invalid: there is no such recipe, it does not fit the machine, or a parameter is wrong
    """
    name = name or (instance.setup.recipe if _has_failed(instance) else None) or instance.spec.software.recipe
    recipe = recipes.get(name)
    if recipe is None:
        raise build_validation_error([unknown_recipe_error(name, recipes)])
    parameters, errors = resolve_values(given, recipe.parameters, instance.spec.software.parameters_of(name))
    kind = catalog.types.get(instance.spec.hardware.instance_type)
    if kind is None:
        wrong = (
            f"{instance.spec.hardware.instance_type} is not in the catalogue, so nobody knows whether {name} fits it"
        )
        raise build_validation_error([*errors, FieldError("recipe", wrong)])
    misfit = recipe.requirements.incompatibility(kind, instance.spec.software.image_parameter or kind.image)
    if misfit:
        instead = suggest_types(recipe.requirements, recipe.image_parameter_for, catalog, instance.spec.region)
        wrong = f"{name} does not fit {instance.name}: {misfit}; in a launch of its own, {instead}"
        errors.append(FieldError("recipe", wrong))
    if errors:
        raise build_validation_error(errors)
    documents = recipe.fill_documents(parameters)
    if name == instance.spec.software.recipe and not _was_ready(instance):
        documents = collect_documents(
            replace(instance.spec, software=replace(instance.spec.software, parameters=parameters)), recipes
        )
    return SetupRequest(name, parameters, documents, given, recipe.skipped_steps_message(kind))


def apply_setup_request(instance: Instance, what: SetupRequest, actor: Actor, now: datetime) -> RecordChange:
    """The record with another setup in it, which the loop runs; asked for twice, it is run once.

    :raises Conflict: it is not ready for it
    """
    if instance.phase is Phase.SETTING_UP and _is_under_way(instance.setup, what):
        return RecordChange(instance)
    _can_be_set_up(instance, what.recipe)
    before, again = instance.setup, what.recipe in instance.spec.software.recipes
    doing = f"{actor.name} asked to " + (f"set up {what.recipe} again" if again else f"add {what.recipe}")
    with_what = f", with {format_values(what.given_parameters)}" if what.given_parameters else ""
    asked = timeline_entry(
        now,
        EventReason(code=EventCode.SETUP_REQUESTED, message=doing + with_what),
        actor=actor.name,
        details={"recipe": what.recipe},
    )
    lines = [asked]
    if what.skipped_message:
        lines.append(timeline_entry(now, EventReason(code=EventCode.GPU_STEPS_SKIPPED, message=what.skipped_message)))
    instance, withdrawn = _unwarned(instance, now)
    setup = SetupState(
        recipe=what.recipe,
        number=before.number + 1,
        on_running_instance=instance.phase is Phase.READY,
        documents=what.documents,
        results=retain_results(before.results),
        installed_documents=before.installed_documents,
    )
    reason = EventReason(code=EventCode.SETTING_UP, message=f"setting up {what.recipe}: {actor.name} asked for it")
    current = replace(
        with_phase(instance, Phase.SETTING_UP, reason, now),
        spec=_with(instance.spec, what),
        setup=setup,
        observed=replace(instance.observed, activity_unknown_since=None),
    )
    return RecordChange(current, (*lines, *withdrawn))


def retain_results(results: tuple[DocumentResult, ...]) -> tuple[DocumentResult, ...]:
    """The newest, and the last of every document: it says what is on the disk."""
    last = {result.name: place for place, result in enumerate(results)}
    oldest = len(results) - MAX_RETAINED_RESULTS
    return tuple(each for place, each in enumerate(results) if place >= oldest or last[each.name] == place)


def _has_failed(instance: Instance) -> bool:
    return instance.phase is Phase.FAILED or instance.setup.abandoned


def _was_ready(instance: Instance) -> bool:
    """Until then what its image brought along belongs to the setup of the launch."""
    return instance.phase is Phase.READY or instance.setup.on_running_instance


def _is_under_way(setup: SetupState, what: SetupRequest) -> bool:
    return setup.recipe == what.recipe and setup.documents == what.documents


def _can_be_set_up(instance: Instance, recipe: str) -> None:
    name, phase = instance.name, instance.phase
    if phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED:
        raise Conflict(f"{name} is {phase}; it cannot be set up any more", code=ErrorCode.INSTANCE_TERMINATED)
    if phase is Phase.SETTING_UP:
        raise Conflict(
            f"{name} is being set up as {instance.setup.recipe}; ask again once it is ready",
            code=ErrorCode.SETUP_IN_PROGRESS,
        )
    if phase in PHASES_BEFORE_READY:
        raise Conflict(f"{name} is {phase}; ask again once it is ready", code=ErrorCode.NOT_READY)
    if phase in (Phase.STOPPING, Phase.STOPPED) or instance.spec.desired is DesiredState.STOPPED:
        raise Conflict(
            f"{name} is {'stopped' if phase is Phase.STOPPED else 'being stopped'}. POST /instances/{name}/start "
            "starts it; once it is ready it can be set up",
            code=ErrorCode.NOT_RUNNING,
        )
    if instance.benchmark_run:
        raise Conflict(f"{name} is being measured; ask again once that has ended", code=ErrorCode.BENCHMARK_IN_PROGRESS)
    if instance.image_in_progress:
        message = f"an image of {name} is being made, and would hold half of a setup; ask again once that has ended"
        raise Conflict(message, code=ErrorCode.IMAGE_IN_PROGRESS)
    if instance.machine is None:
        raise Conflict(
            f"{name} has failed and has no machine: {instance.reason.message}", code=ErrorCode.INSTANCE_FAILED
        )
    failed = instance.setup.recipe or instance.spec.software.recipe
    if phase is Phase.FAILED and recipe != failed:
        raise Conflict(
            f"the setup of {name} as {failed} has failed; set that up again first (leave recipe out), or ask for "
            f"another instance with {recipe}",
            code=ErrorCode.PREVIOUS_SETUP_FAILED,
        )


def _with(spec: Spec, what: SetupRequest) -> Spec:
    """The spec that says so, so that a stop and a start lose nothing of it."""
    if what.recipe == spec.software.recipe:
        return replace(spec, software=replace(spec.software, parameters=dict(what.parameters)))
    added = AddedRecipe(recipe=what.recipe, parameters=dict(what.parameters))
    if what.recipe not in spec.software.recipes:
        return replace(spec, software=replace(spec.software, added_recipes=(*spec.software.added_recipes, added)))
    return replace(
        spec,
        software=replace(
            spec.software,
            added_recipes=tuple(
                added if added_recipe.recipe == what.recipe else added_recipe
                for added_recipe in spec.software.added_recipes
            ),
        ),
    )


def _unwarned(instance: Instance, now: datetime) -> tuple[Instance, tuple[TimelineEntry, ...]]:
    """What is being set up is not idle, nor has it failed; its lifetime goes on counting."""
    warned = instance.warning
    if warned is None or warned.warning_type not in (WarningType.IDLE, WarningType.FAILED):
        return instance, ()
    line = timeline_entry(now, warning_cancelled(instance, "it is being set up"))
    return replace(instance, warning=None), (line,)
