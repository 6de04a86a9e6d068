"""Unit tests of the choice of region and instance type."""

from typing import Any

import pytest

from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings, Limits
from chalicelib.domain.images.record import ImagePhase
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import TypeChoice, choose_instance_type
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import START
from tests.support.recipes import build_recipes
from tests.unit.images.test_creation import build_image

CATALOG = load_catalog()
LIMITS = Limits(gpu_count=4, regions=("us-east-1", "eu-west-1"))


def choose(**fields: Any) -> TypeChoice:
    settings = DeskSettings(limits=LIMITS)
    context = LaunchContext(
        catalog=CATALOG,
        recipes=build_recipes(),
        settings=settings,
        owner_policy=PolicyOverride(),
        deployed_regions=fields.pop("deployed", CATALOG.list_regions()),
        now=START,
    )
    source = fields.pop("source", None)
    return choose_instance_type(LaunchRequest(**fields), context, source)


def test_cheapest_type_with_the_gpus_is_chosen_in_the_default_region() -> None:
    choice = choose(gpu="T4", gpu_count=4)
    assert choice.instance_type is not None
    assert (choice.region, choice.instance_type.name, choice.errors) == ("us-east-1", "g4dn.12xlarge", ())


def test_named_type_is_chosen() -> None:
    choice = choose(instance_type="t3.large", gpu_count=0, region="eu-west-1")
    assert choice.instance_type is not None
    assert (choice.region, choice.instance_type.name) == ("eu-west-1", "t3.large")


@pytest.mark.parametrize(
    ("region", "deployed", "message"),
    [
        ("eu-west-1", ("us-east-1",), "gpudesk is not set up in eu-west-1; must be one of us-east-1"),
        (
            "us-east-2",
            ("us-east-1", "us-east-2"),
            "us-east-2 is not allowed by the limits of the desk (limits.regions); must be one of us-east-1",
        ),
        ("us-east-1", ("us-east-2",), "gpudesk is set up in us-east-2 only, and the limits of the desk allow none"),
    ],
)
def test_region_in_which_gpudesk_is_not_set_up_is_refused(region: str, deployed: tuple[str, ...], message: str) -> None:
    (error,) = choose(gpu="T4", region=region, deployed=deployed).errors
    assert error.field == "region"
    assert message in error.message


def test_error_suggests_only_regions_in_which_gpudesk_is_set_up() -> None:
    (error,) = choose(gpu="H200", gpu_count=8, region="eu-west-1", deployed=("eu-west-1",)).errors
    assert error.message.endswith("No region that you can use has one.")
    (error,) = choose(instance_type="p5en.48xlarge", region="eu-west-1", deployed=("eu-west-1",)).errors
    assert error.message.endswith("no region that you can use has one")


def test_region_of_the_image_is_the_default() -> None:
    source = build_image(ImagePhase.AVAILABLE, region="eu-west-1")
    assert choose(gpu="T4", source=source).region == "eu-west-1"
    assert choose(gpu="T4", source=source, region="us-east-1").region == "us-east-1"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, ["gpu"]),
        ({"gpu": "T5"}, ["gpu"]),
        ({"gpu": "T4", "gpu_count": 3}, ["gpu_count"]),
        ({"gpu": "T4", "gpu_count": 8}, ["gpu_count"]),
        ({"gpu": "T4", "region": "us-east-2"}, ["region"]),
        ({"instance_type": "g4dn.xlrage"}, ["instance_type"]),
        ({"instance_type": "p2.xlarge"}, ["instance_type"]),
        ({"instance_type": "g4dn.xlarge", "gpu": "L4", "gpu_count": 2}, ["gpu", "gpu_count"]),
        ({"instance_type": "g4dn.xlarge", "gpu": "T5"}, ["gpu"]),
    ],
)
def test_invalid_request_names_the_wrong_fields(fields: dict[str, Any], wrong: list[str]) -> None:
    choice = choose(**fields)
    assert choice.instance_type is None
    assert [error.field for error in choice.errors] == wrong
