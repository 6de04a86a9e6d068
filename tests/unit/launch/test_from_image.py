"""Unit tests of what a launch inherits from its image."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request
from chalicelib.domain.instances.commands.setup_request import build_setup_request
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.launch.prepare_launch import PreparedLaunch, prepare_launch
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import parse_recipes
from chalicelib.domain.setup.state import AddedRecipe, SetupState
from chalicelib.store.data_files import load_catalog, load_packaged_recipes
from tests.support.ready_instance import ADA, build_ready_instance
from tests.support.recipes import UBUNTU_18, build_recipe_entry, build_recipes
from tests.unit.images.test_creation import NOW, SOURCE, build_image

ANY = {"architectures": ["x86_64"], "ubuntu": ["18.04", "22.04"], "compute_capability": None, "supports_cpu": True}
CUDA = {"min": "7.0", "max": None}
ON_GPU = {**ANY, "compute_capability": CUDA, "supports_cpu": False}
RECIPES = {
    **build_recipes(),
    **parse_recipes({"recipes": {"any": build_recipe_entry(ANY), "on-gpu": build_recipe_entry(ON_GPU)}}),
}
PARAMETERS: dict[str, ParameterValue] = {"release": "two", "notebooks": True, "workers": 9}


def build_available_image(**changes: Any) -> Image:
    return build_image(ImagePhase.AVAILABLE, **changes)


def prepare(source: Image, **fields: Any) -> PreparedLaunch:
    request = LaunchRequest(**{"instance_type": "g4dn.xlarge", **fields})
    context = LaunchContext(
        catalog=load_catalog(),
        recipes=RECIPES,
        settings=DeskSettings(),
        owner_policy=PolicyOverride(),
        deployed_regions=("us-east-1",),
        now=NOW,
    )
    return prepare_launch(request, context, choose_instance_type(request, context, source), source)


def get_origin_message(launch: PreparedLaunch) -> str:
    (text,) = [each.message for each in launch.warnings if each.code is WarningCode.LAUNCHED_FROM_IMAGE]
    return text


def test_parameters_of_the_image_are_inherited_unless_requested() -> None:
    spec = prepare(build_available_image(recipe="any", parameters=PARAMETERS), parameters={"workers": 2}).spec
    assert spec.software.parameters == {"release": "two", "notebooks": True, "workers": 2}
    other = prepare(build_available_image(recipe="any", parameters=PARAMETERS), recipe="jupyter").spec
    assert (other.software.recipe, other.software.parameters["pip_index"]) == ("jupyter", "")


def test_added_recipes_are_inherited_with_their_parameters() -> None:
    launch = prepare(
        build_available_image(recipe="jupyter", added_recipes=(AddedRecipe(recipe="any", parameters=PARAMETERS),))
    )
    assert launch.spec.software.added_recipes == (AddedRecipe(recipe="any", parameters=PARAMETERS),)
    assert "with the added recipe any." in get_origin_message(launch)


@pytest.mark.parametrize(
    ("added", "fields", "reason"),
    [
        (
            AddedRecipe(recipe="on-gpu"),
            {"instance_type": "t3.large"},
            "t3.large has no GPU, and the recipe requires one",
        ),
        (AddedRecipe(recipe="gone"), {}, "this recipe no longer exists"),
        (AddedRecipe(recipe="any", parameters={"release": "NOT"}), {}, "parameters.release must be a release"),
        (
            AddedRecipe(recipe="any"),
            {"recipe": "bare"},
            "the launch uses recipe bare, and the image was created with recipe jupyter",
        ),
    ],
)
def test_added_recipe_that_cannot_be_used_is_left_out_with_the_reason(
    added: AddedRecipe, fields: dict[str, Any], reason: str
) -> None:
    launch = prepare(build_available_image(recipe="jupyter", added_recipes=(added,)), **fields)
    assert launch.spec.software.added_recipes == ()
    assert f"Added recipe {added.recipe} of the image is not inherited: {reason}" in get_origin_message(launch)


def test_setup_rerun_of_a_failed_launch_includes_the_inherited_recipes() -> None:
    spec = replace(
        build_ready_instance().spec,
        software=replace(
            build_ready_instance().spec.software,
            recipe="jupyter",
            parameters={},
            added_recipes=(AddedRecipe(recipe="any", parameters=PARAMETERS),),
        ),
    )
    failed = replace(build_ready_instance(), spec=spec, phase=Phase.FAILED, setup=SetupState(recipe="jupyter"))
    setup_request = build_setup_request(failed, None, {}, RECIPES, load_catalog())
    assert [use.name for use in setup_request.documents] == ["gpudesk-probe", "gpudesk-jupyter", "gpudesk-jupyter"]
    again = apply_setup_request(failed, setup_request, ADA, NOW).instance
    assert build_setup_request(again, None, {}, RECIPES, load_catalog()) == setup_request, (
        "a repeated request changes nothing"
    )
    later = build_setup_request(replace(failed, phase=Phase.READY), "jupyter", {}, RECIPES, load_catalog())
    assert [use.name for use in later.documents] == ["gpudesk-probe", "gpudesk-jupyter"]


def test_requirements_are_checked_against_the_base_of_the_image() -> None:
    old = replace(build_available_image(recipe="any"), source=replace(SOURCE, base_image_parameter=UBUNTU_18))
    assert prepare(old, instance_type="t3.large").spec.software.image_parameter == UBUNTU_18
    with pytest.raises(ValidationFailed) as refused:
        prepare(old, instance_type="t3.large", recipe="jupyter")
    assert "the image is Ubuntu 18.04" in refused.value.errors[0].message


def test_document_that_runs_with_other_parameters_in_between_is_not_skipped() -> None:
    jupyter = RECIPES["jupyter"]
    defaults = {name: parameter.default for name, parameter in jupyter.parameters.items()}
    installed = tuple(
        InstalledDocument(
            name=use.name, recipe_hash=hash_recipe_document(use), parameters_hash="f", document_hash="c", seconds=100
        )
        for use in jupyter.fill_documents(defaults)
    )
    image_with_recipe = build_available_image(recipe="jupyter", installed_documents=installed)
    assert (
        "gpudesk skips unchanged documents of the image: gpudesk-jupyter. This saves about 100 s."
        in get_origin_message(prepare(image_with_recipe))
    )
    mixed = replace(image_with_recipe, recipe="any", added_recipes=(AddedRecipe(recipe="jupyter"),))
    assert "No document of the image can be skipped" in get_origin_message(prepare(mixed)), (
        "any runs the same document otherwise"
    )
    assert load_packaged_recipes()["jupyter"].documents[1].name == RECIPES["any"].documents[0].name
