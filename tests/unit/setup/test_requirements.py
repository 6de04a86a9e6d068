"""Requirements of recipes, against the packaged catalog: those of the MXNet book and those of current packages."""

from typing import Any

import pytest

from chalicelib.domain.setup.recipe import Recipe, parse_recipes
from chalicelib.domain.setup.requirements import (
    RecipeRequirements,
    list_compatible_gpus,
    parse_requirements,
    parse_ubuntu_release,
    suggest_types,
)
from chalicelib.store.data_files import load_catalog, load_packaged_recipes

UBUNTU_18 = "/aws/service/canonical/ubuntu/server/18.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
CUDA_10 = {"min": "3.0", "max": "7.5", "reason": "CUDA 10.1"}
BOOK_REQUIREMENTS = {
    "architectures": ["x86_64"],
    "ubuntu": ["18.04"],
    "compute_capability": CUDA_10,
    "supports_cpu": False,
}
TODAY_REQUIREMENTS = {
    "architectures": ["x86_64"],
    "ubuntu": ["22.04", "24.04"],
    "compute_capability": {"min": "7.5", "max": None},
    "supports_cpu": True,
}


def build_recipe(requirements: dict[str, Any], image: dict[str, str] | None = None) -> Recipe:
    entry: dict[str, Any] = {"title": "T", "description": "D", "documents": [], "jupyter_port": None}
    return parse_recipes({"recipes": {"mine": {**entry, "requirements": requirements, "image": image}}})["mine"]


BOOK = build_recipe(BOOK_REQUIREMENTS, {"x86_64": UBUNTU_18})
TODAY = build_recipe(TODAY_REQUIREMENTS)


def find_incompatibility(recipe: Recipe, instance_type: str) -> str | None:
    kind = load_catalog().get_type(instance_type)
    return recipe.requirements.find_incompatibility(kind, recipe.get_image_parameter(kind))


def suggest(recipe: Recipe) -> str:
    return suggest_types(recipe.requirements, recipe.get_image_parameter, load_catalog(), "us-east-1")


@pytest.mark.parametrize(
    ("recipe", "instance_type", "message"),
    [
        (BOOK, "g5.xlarge", "A10G has compute capability 8.6, and the recipe requires 3.0 to 7.5 (CUDA 10.1)"),
        (BOOK, "p6-b200.48xlarge", "B200 has compute capability 10.0, and the recipe requires 3.0 to 7.5 (CUDA 10.1)"),
        (
            BOOK,
            "g4ad.xlarge",
            "Radeon Pro V520 does not support CUDA, and the recipe requires compute capability 3.0 to 7.5 (CUDA 10.1)",
        ),
        (BOOK, "g5g.xlarge", "g5g.xlarge is arm64, and the recipe supports x86_64"),
        (BOOK, "t3.large", "t3.large has no GPU, and the recipe requires one"),
        (
            TODAY,
            "g4ad.xlarge",
            "Radeon Pro V520 does not support CUDA, and the recipe requires compute capability 7.5 or more",
        ),
        (TODAY, "p3.2xlarge", "V100 has compute capability 7.0, and the recipe requires 7.5 or more"),
        (
            build_recipe(TODAY_REQUIREMENTS | {"ubuntu": ["20.04", "18.04"]}),
            "t3.large",
            "Ubuntu 22.04, and the recipe supports 20.04 or 18.04",
        ),
        (
            build_recipe(TODAY_REQUIREMENTS | {"ubuntu": ["22.04"]}),
            "g7.2xlarge",
            "the image is Ubuntu 24.04, and the recipe supports 22.04",
        ),
    ],
)
def test_incompatibility_is_described(recipe: Recipe, instance_type: str, message: str) -> None:
    assert message in (find_incompatibility(recipe, instance_type) or "")


@pytest.mark.parametrize(
    ("recipe", "instance_type"),
    [(BOOK, "g4dn.xlarge"), (BOOK, "g4dn.metal"), (TODAY, "g5.xlarge"), (TODAY, "t3.large"), (TODAY, "g7.2xlarge")],
)
def test_compatible_type_has_no_incompatibility(recipe: Recipe, instance_type: str) -> None:
    assert find_incompatibility(recipe, instance_type) is None


@pytest.mark.parametrize("name", ["bare", "jupyter"])
def test_basic_recipes_support_every_type_that_can_be_launched(name: str) -> None:
    recipe = load_packaged_recipes()[name]
    launchable = [kind for kind in load_catalog().types.values() if kind.unavailable is None]
    assert len(launchable) > 50
    assert {
        recipe.requirements.find_incompatibility(kind, recipe.get_image_parameter(kind)) for kind in launchable
    } == {None}


def test_t4_is_suggested_for_the_recipe_of_the_book() -> None:
    assert suggest(BOOK) == "Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour)."
    assert list_compatible_gpus(BOOK.requirements, BOOK.get_image_parameter, load_catalog()) == ["T4"]


def test_pytorch_for_arm64_does_not_support_t4g() -> None:
    recipe = load_packaged_recipes()["d2l-pytorch"]
    message = "T4g has compute capability 7.5, and the recipe requires 8.0 or more (PyTorch for CUDA 13.0 on arm64)"
    assert find_incompatibility(recipe, "g5g.xlarge") == message
    assert find_incompatibility(recipe, "g4dn.xlarge") is None, "PyTorch for x86_64 supports it"
    assert find_incompatibility(recipe, "m7g.large") is None, "the recipe requires no GPU"
    assert suggest(recipe).startswith("Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour), ")
    assert "T4g" not in list_compatible_gpus(recipe.requirements, recipe.get_image_parameter, load_catalog())


def test_ranges_by_architecture_are_intersected_too() -> None:
    arm64 = {"min": "8.0", "max": None}
    capability = {"min": "7.5", "max": None, "by_architecture": {"arm64": arm64}}
    both = parse_requirements(TODAY_REQUIREMENTS | {"compute_capability": capability}).intersect(
        parse_requirements(TODAY_REQUIREMENTS | {"compute_capability": {"min": "7.0", "max": "9.0"}})
    )
    assert both.compute_capability is not None
    assert [str(both.compute_capability.for_architecture(each)) for each in ("x86_64", "arm64")] == [
        "7.5 to 9.0",
        "8.0 to 9.0",
    ]


def test_suggestion_names_the_cheapest_type_of_each_gpu_and_one_without_a_gpu() -> None:
    message = suggest(TODAY)
    assert message.startswith("Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour), ")
    assert "A10G (g5.xlarge" in message
    assert message.endswith(" or no GPU (t3.medium, $0.0416 per hour).")
    assert "Radeon" not in message


def test_suggestion_says_that_no_type_is_compatible() -> None:
    assert suggest(build_recipe(BOOK_REQUIREMENTS)) == "No instance type in us-east-1 is compatible.", (
        "no instance type has an image with Ubuntu 18.04"
    )


def test_skipped_gpu_steps_are_described_on_a_type_without_a_gpu() -> None:
    kind = load_catalog().get_type
    assert TODAY.describe_skipped_steps(kind("t3.large")) == (
        "t3.large has no GPU. Recipe mine skips its GPU steps and computes on the CPU."
    )
    assert TODAY.describe_skipped_steps(kind("g4dn.xlarge")) is None
    assert load_packaged_recipes()["bare"].describe_skipped_steps(kind("t3.large")) is None, (
        "the recipe has no GPU steps"
    )


@pytest.mark.parametrize(
    ("parameter", "release"),
    [
        (UBUNTU_18, "18.04"),
        ("/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id", "24.04"),
        ("/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id", None),
        (None, None),
    ],
)
def test_ubuntu_release_is_parsed_from_the_parameter_of_the_image(parameter: str | None, release: str | None) -> None:
    assert parse_ubuntu_release(parameter) == release


def test_intersection_meets_both_requirements() -> None:
    both = parse_requirements(TODAY_REQUIREMENTS).intersect(
        RecipeRequirements(
            ("arm64", "x86_64"),
            ("24.04",),
            parse_requirements(TODAY_REQUIREMENTS | {"compute_capability": CUDA_10}).compute_capability,
            supports_cpu=True,
        )
    )
    assert both == RecipeRequirements(("x86_64",), ("24.04",), both.compute_capability, supports_cpu=True)
    assert str(both.compute_capability) == "7.5 to 7.5 (CUDA 10.1)"
    no_gpu = RecipeRequirements(("x86_64",), ("22.04",), None, supports_cpu=True)
    assert no_gpu.intersect(no_gpu).compute_capability is None
    assert str(no_gpu.intersect(parse_requirements(TODAY_REQUIREMENTS)).compute_capability) == "7.5 or more"
