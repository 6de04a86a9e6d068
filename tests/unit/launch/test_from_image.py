"""What a launch takes over from an image, decided without a cloud."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request, build_setup_request
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.launch.prepare_launch import PreparedLaunch, prepare_launch
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import parse_recipes
from chalicelib.domain.setup.state import AddedRecipe, SetupState
from chalicelib.store.data_files import load_catalog, load_packaged_recipes
from tests.property.world import ADA, build_ready_instance
from tests.support.recipes import UBUNTU_18, offered, recipe
from tests.unit.images.test_creation import NOW, SOURCE, image

ANY = {"architectures": ["x86_64"], "ubuntu": ["18.04", "22.04"], "compute_capability": None, "supports_cpu": True}
CUDA = {"min": "7.0", "max": None}
ON_GPU = {**ANY, "compute_capability": CUDA, "supports_cpu": False}
RECIPES = {**offered(), **parse_recipes({"recipes": {"any": recipe(ANY), "on-gpu": recipe(ON_GPU)}})}
CHOSEN: dict[str, ParameterValue] = {"release": "two", "notebooks": True, "workers": 9}


def vision(**changes: Any) -> Image:
    return image(ImagePhase.AVAILABLE, **changes)


def launched(source: Image, **fields: Any) -> PreparedLaunch:
    request = LaunchRequest(**{"instance_type": "g4dn.xlarge", **fields})
    context = LaunchContext(
        catalog=load_catalog(), recipes=RECIPES, settings=DeskSettings(), owner_policy=PolicyOverride()
    )
    return prepare_launch(request, context, choose_instance_type(request, context, source), source)


def message(launch: PreparedLaunch) -> str:
    (text,) = [each.message for each in launch.warnings if each.code is WarningCode.LAUNCHED_FROM_IMAGE]
    return text


def test_parameters_are_those_of_the_image_but_for_what_is_said() -> None:
    spec = launched(vision(recipe="any", parameters=CHOSEN), parameters={"workers": 2}).spec
    assert spec.software.parameters == {"release": "two", "notebooks": True, "workers": 2}
    other = launched(vision(recipe="any", parameters=CHOSEN), recipe="jupyter").spec
    assert (other.software.recipe, other.software.parameters["pip_index"]) == ("jupyter", "")


def test_added_recipes_come_along_with_their_parameters() -> None:
    over = launched(vision(recipe="jupyter", added_recipes=(AddedRecipe(recipe="any", parameters=CHOSEN),)))
    assert over.spec.software.added_recipes == (AddedRecipe(recipe="any", parameters=CHOSEN),)
    assert "with the added recipe any." in message(over)


@pytest.mark.parametrize(
    ("added", "said", "why"),
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
def test_what_cannot_come_along_is_left_out_and_that_is_said(
    added: AddedRecipe, said: dict[str, Any], why: str
) -> None:
    over = launched(vision(recipe="jupyter", added_recipes=(added,)), **said)
    assert over.spec.software.added_recipes == ()
    assert f"Added recipe {added.recipe} of the image is not inherited: {why}" in message(over)


def test_a_launch_that_failed_is_set_up_again_with_all_that_its_image_brought_along() -> None:
    spec = replace(
        build_ready_instance().spec,
        software=replace(
            build_ready_instance().spec.software,
            recipe="jupyter",
            parameters={},
            added_recipes=(AddedRecipe(recipe="any", parameters=CHOSEN),),
        ),
    )
    failed = replace(build_ready_instance(), spec=spec, phase=Phase.FAILED, setup=SetupState(recipe="jupyter"))
    what = build_setup_request(failed, None, {}, RECIPES, load_catalog())
    assert [use.name for use in what.documents] == ["gpudesk-probe", "gpudesk-jupyter", "gpudesk-jupyter"]
    again = apply_setup_request(failed, what, ADA, NOW).instance
    assert build_setup_request(again, None, {}, RECIPES, load_catalog()) == what, "asked for twice it is run once"
    later = build_setup_request(replace(failed, phase=Phase.READY), "jupyter", {}, RECIPES, load_catalog())
    assert [use.name for use in later.documents] == ["gpudesk-probe", "gpudesk-jupyter"]


def test_a_recipe_is_judged_by_the_base_of_the_image() -> None:
    old = replace(vision(recipe="any"), source=replace(SOURCE, base_image_parameter=UBUNTU_18))
    assert launched(old, instance_type="t3.large").spec.software.image_parameter == UBUNTU_18
    with pytest.raises(ValidationFailed) as refused:
        launched(old, instance_type="t3.large", recipe="jupyter")
    assert "the image is Ubuntu 18.04" in refused.value.errors[0].message


def test_only_what_nothing_else_has_run_over_is_saved() -> None:
    jupyter = RECIPES["jupyter"]
    defaults = {name: parameter.default for name, parameter in jupyter.parameters.items()}
    baked = tuple(
        InstalledDocument(
            name=use.name, recipe_hash=hash_recipe_document(use), parameters_hash="f", document_hash="c", seconds=100
        )
        for use in jupyter.fill_documents(defaults)
    )
    whole = vision(recipe="jupyter", installed_documents=baked)
    assert "Skipped unless changed since: gpudesk-jupyter. This saves about 100 s." in message(launched(whole))
    over = replace(whole, recipe="any", added_recipes=(AddedRecipe(recipe="jupyter"),))
    assert "It contains no document that any and jupyter runs." in message(launched(over)), (
        "any runs the same document otherwise"
    )
    assert load_packaged_recipes()["jupyter"].documents[1].name == RECIPES["any"].documents[0].name
