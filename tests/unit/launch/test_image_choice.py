"""Unit tests of the choice of the image of a launch."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.launch.image_choice import find_latest_image, find_requested_image
from chalicelib.domain.launch.prepare_launch import prepare_launch
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import START
from tests.support.recipes import build_recipes
from tests.unit.images.test_creation import build_image

RECIPES = build_recipes()
ADA = Actor(owner="ada", role=Role.USER)
ADMIN = Actor(owner="root", role=Role.ADMIN)
CONTEXT = LaunchContext(
    catalog=load_catalog(),
    recipes=RECIPES,
    settings=DeskSettings(),
    owner_policy=PolicyOverride(),
    deployed_regions=("us-east-1", "eu-west-1"),
    now=START,
)


def build_image_of(recipe: Recipe, **changes: Any) -> Image:
    """Build an available image that contains all documents of a recipe with their default parameters."""
    defaults = {name: parameter.default for name, parameter in recipe.parameters.items()}
    installed = tuple(
        InstalledDocument(
            name=document.name,
            recipe_hash=hash_recipe_document(document),
            parameters_hash="",
            document_hash="",
            seconds=9,
        )
        for document in recipe.fill_documents(defaults)
    )
    return build_image(ImagePhase.AVAILABLE, recipe=recipe.name, installed_documents=installed, **changes)


def find_latest(*images: Image, **fields: Any) -> Image | None:
    request = LaunchRequest(**{"gpu": "T4", "image": "latest", **fields})
    return find_latest_image(request, CONTEXT, choose_instance_type(request, CONTEXT, None), images)


def test_latest_is_the_newest_image_with_the_recipe() -> None:
    older = build_image_of(RECIPES["jupyter"])
    newer = replace(older, id="gi-newer", created_at=older.created_at + timedelta(hours=1))
    newest_of_another_recipe = replace(
        newer, id="gi-other", recipe="bare", created_at=newer.created_at + timedelta(hours=1)
    )
    assert find_latest(older, newest_of_another_recipe, newer) == newer


@pytest.mark.parametrize(
    "fields",
    [
        {"region": "eu-west-1"},
        {"disk_gib": 9},
        {"gpu": "T4g"},
        {"recipe": "bare"},
        {"parameters": {"apt_mirror": "https://mirror.example.org"}},
        {"recipe": "unknown"},
        {"gpu": "T5"},
    ],
)
def test_latest_finds_no_image_that_does_not_match_the_launch(fields: dict[str, Any]) -> None:
    assert find_latest(build_image_of(RECIPES["jupyter"]), **fields) is None


def prepare_without_image(**fields: Any) -> list[str]:
    request = LaunchRequest(**{"gpu": "T4", "image": "latest", **fields})
    with pytest.raises(ValidationFailed) as refusal:
        prepare_launch(request, CONTEXT, choose_instance_type(request, CONTEXT, None), None)
    return [error.field for error in refusal.value.errors]


def test_missing_latest_image_is_an_error_of_the_image_unless_other_fields_are_wrong() -> None:
    assert prepare_without_image() == ["image"]
    assert prepare_without_image(disk_gib=1) == ["disk_gib"]


def test_requested_image_is_found_by_id_or_by_name_of_the_caller() -> None:
    own = build_image_of(RECIPES["jupyter"])
    foreign = replace(own, id="gi-foreign", owner="bob")
    assert find_requested_image(own.id, [own, foreign], ADA) == own
    assert find_requested_image(own.name, [foreign, own], ADA) == own
    with pytest.raises(ValidationFailed):
        find_requested_image("missing", [own, foreign], ADA)


def test_id_of_image_comes_before_name_of_newer_image() -> None:
    image = build_image_of(RECIPES["jupyter"])
    namesake = replace(image, id="gi-other", name=image.id, created_at=image.created_at + timedelta(days=1))
    assert find_requested_image(image.id, [namesake, image], ADA) == image


def test_admin_finds_every_listed_image_by_its_name_unless_several_owners_have_it() -> None:
    image = build_image_of(RECIPES["jupyter"])
    newer = replace(image, id="gi-newer", created_at=image.created_at + timedelta(days=1))
    assert find_requested_image(image.name, [image, newer], ADMIN) == newer
    own = replace(image, id="gi-own", owner="root")
    assert find_requested_image(image.name, [newer, own], ADMIN) == own
    with pytest.raises(ValidationFailed, match="Several owners have an image") as refused:
        find_requested_image(image.name, [image, replace(image, id="gi-bob", owner="bob")], ADMIN)
    assert "gi-bob of bob; send the id" in refused.value.errors[0].message
