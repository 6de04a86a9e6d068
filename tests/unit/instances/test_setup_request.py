"""Unit tests of a request for a setup: the recipe, its parameters and documents, and what is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.instances.commands.setup_request import SetupRequest, build_setup_request
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import collect_documents
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import parse_recipes
from chalicelib.domain.setup.state import AddedRecipe, SetupState
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import build_ready_instance
from tests.support.recipes import build_recipe_entry, build_recipes

ANY = {"architectures": ["x86_64"], "ubuntu": ["22.04"], "compute_capability": None, "supports_cpu": True}
NEEDS_AMPERE = {**ANY, "compute_capability": {"min": "8.0", "max": None}, "supports_cpu": False}
RECIPES = {
    **build_recipes(),
    **parse_recipes({"recipes": {"any": build_recipe_entry(ANY), "ampere": build_recipe_entry(NEEDS_AMPERE)}}),
}
CATALOG = load_catalog()
CHOSEN: dict[str, ParameterValue] = {"release": "two", "notebooks": True, "workers": 9}


def build_instance(phase: Phase = Phase.READY, **changes: Any) -> Instance:
    """Return an instance of recipe jupyter, to which `any` was added with parameters."""
    instance = build_ready_instance()
    defaults, _ = resolve_values({}, RECIPES["jupyter"].parameters)
    added = (AddedRecipe(recipe="any", parameters=CHOSEN),)
    software = replace(instance.spec.software, parameters=defaults, added_recipes=added)
    return replace(instance, phase=phase, spec=replace(instance.spec, software=software), **changes)


def request_setup(
    instance: Instance, recipe: str | None = None, given: Mapping[str, ParameterValue] | None = None
) -> SetupRequest:
    return build_setup_request(instance, recipe, given or {}, RECIPES, CATALOG)


def refuse(instance: Instance, recipe: str, given: Mapping[str, ParameterValue] | None = None) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as refused:
        request_setup(instance, recipe, given)
    return {error.field: error.message for error in refused.value.errors}


@pytest.mark.parametrize(
    ("phase", "setup", "expected"),
    [
        (Phase.READY, SetupState(recipe="any"), "jupyter"),
        (Phase.FAILED, SetupState(recipe="any"), "any"),
        (Phase.READY, SetupState(recipe="any", abandoned=True), "any"),
        (Phase.SETTING_UP, SetupState(recipe="any"), "jupyter"),
    ],
)
def test_recipe_that_failed_runs_again_otherwise_that_of_the_launch(
    phase: Phase, setup: SetupState, expected: str
) -> None:
    assert request_setup(build_instance(phase, setup=setup)).recipe == expected


def test_unknown_recipe_is_refused_with_the_known_recipes() -> None:
    message = refuse(build_instance(), "jupiter")["recipe"]
    assert message.startswith("must be one of ")
    assert message.endswith(", not 'jupiter'")
    assert "jupyter" in message


def test_parameters_keep_their_earlier_values_unless_the_request_has_others() -> None:
    request = request_setup(build_instance(), "any", {"workers": 2})
    assert request.parameters == {**CHOSEN, "workers": 2}
    assert request.given_parameters == {"workers": 2}


def test_wrong_parameter_and_unsupported_recipe_are_refused_together() -> None:
    errors = refuse(build_instance(), "ampere", {"workers": "many"})
    assert set(errors) == {"parameters.workers", "recipe"}
    assert errors["recipe"].startswith("ampere does not support n: ")
    assert "Launch a new instance for it. Compatible in us-east-1: " in errors["recipe"]


def test_type_that_is_not_in_the_catalog_is_refused() -> None:
    instance = build_instance()
    hardware = replace(instance.spec.hardware, instance_type="g9.large")
    errors = refuse(replace(instance, spec=replace(instance.spec, hardware=hardware)), "any")
    assert errors == {
        "recipe": "cannot be checked: g9.large is not in the catalog, so it is unknown whether any supports it"
    }


@pytest.mark.parametrize(
    ("phase", "setup"),
    [(Phase.SETTING_UP, SetupState(recipe="jupyter")), (Phase.FAILED, SetupState(recipe="jupyter"))],
)
def test_launch_that_was_never_ready_sets_up_its_added_recipes_too(phase: Phase, setup: SetupState) -> None:
    instance = build_instance(phase, setup=setup)
    names = [document.name for document in request_setup(instance, "jupyter").documents]
    assert names == [document.name for document in collect_documents(instance.spec, RECIPES)]
    assert len(names) > len(RECIPES["jupyter"].documents)


@pytest.mark.parametrize(
    ("phase", "setup"),
    [
        (Phase.READY, SetupState(recipe="jupyter")),
        (Phase.FAILED, SetupState(recipe="jupyter", on_running_instance=True)),
    ],
)
def test_instance_that_was_ready_runs_only_the_documents_of_the_recipe(phase: Phase, setup: SetupState) -> None:
    documents = request_setup(build_instance(phase, setup=setup), "jupyter").documents
    assert [document.name for document in documents] == [document.name for document in RECIPES["jupyter"].documents]


def test_steps_that_the_hardware_skips_are_named() -> None:
    assert request_setup(build_instance(), "any").skipped_message == RECIPES["any"].describe_skipped_steps(
        CATALOG.types["g4dn.xlarge"]
    )
