"""What a recipe fits, on the catalogue as it is; the entries are the book's and today's, as far as fitting goes."""

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
OF_THE_BOOK = {"architectures": ["x86_64"], "ubuntu": ["18.04"], "compute_capability": CUDA_10, "supports_cpu": False}
OF_TODAY = {
    "architectures": ["x86_64"],
    "ubuntu": ["22.04", "24.04"],
    "compute_capability": {"min": "7.5", "max": None},
    "supports_cpu": True,
}


def recipe(fits: dict[str, Any], image: dict[str, str] | None = None) -> Recipe:
    entry: dict[str, Any] = {"title": "T", "description": "D", "documents": [], "jupyter_port": None}
    return parse_recipes({"recipes": {"mine": {**entry, "requirements": fits, "image": image}}})["mine"]


BOOK = recipe(OF_THE_BOOK, {"x86_64": UBUNTU_18})
TODAY = recipe(OF_TODAY)


def why_not(mine: Recipe, instance_type: str) -> str | None:
    kind = load_catalog().get_type(instance_type)
    return mine.requirements.find_incompatibility(kind, mine.get_image_parameter(kind))


def instead(mine: Recipe) -> str:
    return suggest_types(mine.requirements, mine.get_image_parameter, load_catalog(), "us-east-1")


@pytest.mark.parametrize(
    ("mine", "instance_type", "words"),
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
            recipe(OF_TODAY | {"ubuntu": ["20.04", "18.04"]}),
            "t3.large",
            "Ubuntu 22.04, and the recipe supports 20.04 or 18.04",
        ),
        (
            recipe(OF_TODAY | {"ubuntu": ["22.04"]}),
            "g7.2xlarge",
            "the image is Ubuntu 24.04, and the recipe supports 22.04",
        ),
    ],
)
def test_what_does_not_fit_is_told_why(mine: Recipe, instance_type: str, words: str) -> None:
    assert words in (why_not(mine, instance_type) or "")


@pytest.mark.parametrize(
    ("mine", "instance_type"),
    [(BOOK, "g4dn.xlarge"), (BOOK, "g4dn.metal"), (TODAY, "g5.xlarge"), (TODAY, "t3.large"), (TODAY, "g7.2xlarge")],
)
def test_what_fits_fits(mine: Recipe, instance_type: str) -> None:
    assert why_not(mine, instance_type) is None


@pytest.mark.parametrize("name", ["bare", "jupyter"])
def test_the_plain_recipes_fit_whatever_can_be_launched(name: str) -> None:
    mine = load_packaged_recipes()[name]
    launchable = [kind for kind in load_catalog().types.values() if kind.unavailable is None]
    assert len(launchable) > 50
    assert {mine.requirements.find_incompatibility(kind, mine.get_image_parameter(kind)) for kind in launchable} == {
        None
    }


def test_who_asked_for_too_new_a_gpu_is_told_t4() -> None:
    assert instead(BOOK) == "Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour)."
    assert list_compatible_gpus(BOOK.requirements, BOOK.get_image_parameter, load_catalog()) == ["T4"]


def test_pytorch_for_arm64_has_no_kernels_for_t4g_and_what_would_fit_is_named() -> None:
    mine = load_packaged_recipes()["d2l-pytorch"]
    why = "T4g has compute capability 7.5, and the recipe requires 8.0 or more (PyTorch for CUDA 13.0 on arm64)"
    assert why_not(mine, "g5g.xlarge") == why
    assert why_not(mine, "g4dn.xlarge") is None, "PyTorch for x86_64 has them"
    assert why_not(mine, "m7g.large") is None, "it needs no GPU"
    assert instead(mine).startswith("Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour), ")
    assert "T4g" not in list_compatible_gpus(mine.requirements, mine.get_image_parameter, load_catalog())


def test_bounds_of_an_architecture_are_narrowed_as_the_others_are() -> None:
    arm64 = {"min": "8.0", "max": None}
    capability = {"min": "7.5", "max": None, "by_architecture": {"arm64": arm64}}
    both = parse_requirements(OF_TODAY | {"compute_capability": capability}).intersect(
        parse_requirements(OF_TODAY | {"compute_capability": {"min": "7.0", "max": "9.0"}})
    )
    assert both.compute_capability is not None
    assert [str(both.compute_capability.for_architecture(each)) for each in ("x86_64", "arm64")] == [
        "7.5 to 9.0",
        "8.0 to 9.0",
    ]


def test_the_cheapest_of_each_gpu_is_named_and_a_type_without_one() -> None:
    words = instead(TODAY)
    assert words.startswith("Compatible in us-east-1: T4 (g4dn.xlarge, $0.526 per hour), ")
    assert "A10G (g5.xlarge" in words
    assert words.endswith(" or no GPU (t3.medium, $0.0416 per hour).")
    assert "Radeon" not in words


def test_where_nothing_fits_that_is_said() -> None:
    assert instead(recipe(OF_THE_BOOK)) == "No instance type in us-east-1 is compatible.", (
        "no type's own image is Ubuntu 18.04"
    )


def test_without_a_gpu_the_gpu_steps_are_skipped_and_that_is_said() -> None:
    kind = load_catalog().get_type
    assert TODAY.describe_skipped_steps(kind("t3.large")) == (
        "t3.large has no GPU. Recipe mine skips its GPU steps and computes on the CPU."
    )
    assert TODAY.describe_skipped_steps(kind("g4dn.xlarge")) is None
    assert load_packaged_recipes()["bare"].describe_skipped_steps(kind("t3.large")) is None, "it has none"


@pytest.mark.parametrize(
    ("parameter", "release"),
    [
        (UBUNTU_18, "18.04"),
        ("/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id", "24.04"),
        ("/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id", None),
        (None, None),
    ],
)
def test_the_release_is_read_from_the_images_parameter(parameter: str | None, release: str | None) -> None:
    assert parse_ubuntu_release(parameter) == release


def test_a_recipe_that_builds_on_another_fits_where_both_fit() -> None:
    both = parse_requirements(OF_TODAY).intersect(
        RecipeRequirements(
            ("arm64", "x86_64"),
            ("24.04",),
            parse_requirements(OF_TODAY | {"compute_capability": CUDA_10}).compute_capability,
            supports_cpu=True,
        )
    )
    assert both == RecipeRequirements(("x86_64",), ("24.04",), both.compute_capability, supports_cpu=True)
    assert str(both.compute_capability) == "7.5 to 7.5 (CUDA 10.1)"
    no_gpu = RecipeRequirements(("x86_64",), ("22.04",), None, supports_cpu=True)
    assert no_gpu.intersect(no_gpu).compute_capability is None
    assert str(no_gpu.intersect(parse_requirements(OF_TODAY)).compute_capability) == "7.5 or more"
