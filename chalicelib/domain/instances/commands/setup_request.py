"""Complete and check a request to set up an instance. `rerun_setup` applies it to the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import collect_documents
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument, build_unknown_recipe_error
from chalicelib.domain.setup.requirements import suggest_types


@dataclass(frozen=True)
class SetupRequest:
    """A complete request for a setup.

    :param given_parameters: the parameters of the request; the other parameters have earlier or default values
    :param skipped_message: a message about the steps that this hardware skips; None: none is skipped
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
    """Complete a request for a setup. A parameter that is not given keeps the value that was chosen before.

    :param name: the recipe; None: the one that failed, otherwise the one of the launch
    :raises ValidationFailed: the recipe does not exist or does not support the instance, or a parameter is wrong
    """
    name = name or (instance.setup.recipe if _has_failed(instance) else None) or instance.spec.software.recipe
    recipe = recipes.get(name)
    if recipe is None:
        raise build_validation_error([build_unknown_recipe_error(name, recipes)])
    parameters, errors = resolve_values(given, recipe.parameters, instance.spec.software.get_parameters(name))
    type_name = instance.spec.hardware.instance_type
    instance_type = catalog.types.get(type_name)
    if instance_type is None:
        message = f"cannot be checked: {type_name} is not in the catalog, so it is unknown whether {name} supports it"
        raise build_validation_error([*errors, FieldError("recipe", message)])
    image = instance.spec.software.image_parameter or instance_type.image
    problem = recipe.requirements.find_incompatibility(instance_type, image)
    if problem:
        types = suggest_types(recipe.requirements, recipe.get_image_parameter, catalog, instance.spec.region)
        message = f"{name} does not support {instance.name}: {problem}. Launch a new instance for it. {types}"
        errors.append(FieldError("recipe", message))
    if errors:
        raise build_validation_error(errors)
    documents = recipe.fill_documents(parameters)
    if name == instance.spec.software.recipe and not _was_ready(instance):
        software = replace(instance.spec.software, parameters=parameters)
        documents = collect_documents(replace(instance.spec, software=software), recipes)
    return SetupRequest(name, parameters, documents, given, recipe.describe_skipped_steps(instance_type))


def _has_failed(instance: Instance) -> bool:
    return instance.phase is Phase.FAILED or instance.setup.abandoned


def _was_ready(instance: Instance) -> bool:
    """Return whether the launch is set up: until then, recipes that its image contains belong to that setup."""
    return instance.phase is Phase.READY or instance.setup.on_running_instance
