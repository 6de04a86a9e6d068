"""Zones that EC2 names in a refusal. The texts are those that public issues quote."""

import pytest

from chalicelib.domain.offers.zone_hints import find_zones


@pytest.mark.parametrize(
    ("text", "region", "zones"),
    [
        pytest.param(
            "We currently do not have sufficient p4d.24xlarge capacity in the Availability Zone you requested "
            "(us-east-1d). Our system will be working on provisioning additional capacity. You can currently get "
            "p4d.24xlarge capacity by not specifying an Availability Zone in your request or choosing us-east-1a, "
            "us-east-1b.",
            "us-east-1",
            ("us-east-1d", "us-east-1a", "us-east-1b"),
            id="aws/aws-parallelcluster-node#603",
        ),
        pytest.param(
            "We currently do not have sufficient g4dn.xlarge capacity in the Availability Zone you requested "
            "(eu-west-1b). \nOur system will be working on provisioning additional capacity. \nYou can currently get "
            "g4dn.xlarge capacity by not specifying an Availability Zone in your request or choosing eu-west-1a, "
            "eu-west-1c\n",
            "eu-west-1",
            ("eu-west-1b", "eu-west-1a", "eu-west-1c"),
            id="iterative/cml#814",
        ),
        pytest.param(
            "You can currently get m4.large capacity by not specifying an Availability Zone in your request or "
            "choosing us-east-1d, us-east-1e, us-east-1c.",
            "us-east-1",
            ("us-east-1d", "us-east-1e", "us-east-1c"),
            id="hashicorp/packer#2485",
        ),
        pytest.param(
            "You can currently get p2.xlarge capacity by not specifying an Availability Zone in your request or "
            "choosing ***a, ***b, ***c, ***e.",
            "us-east-1",
            (),
            id="choderalab/perses#1152",
        ),
        pytest.param("Insufficient capacity.", "us-east-1", (), id="m2lines/Samudra#866"),
    ],
)
def test_zones_of_real_texts_are_found(text: str, region: str, zones: tuple[str, ...]) -> None:
    assert find_zones(text, region) == zones


@pytest.mark.parametrize("text", ["us-west-2b", "us-east-1-atl-1a", "xus-east-1a", "us-east-1ab", "us-east-1", ""])
def test_other_places_are_no_zones_of_the_region(text: str) -> None:
    assert find_zones(text, "us-east-1") == ()


def test_zone_that_is_named_twice_is_found_once() -> None:
    assert find_zones("us-east-1a or us-east-1a", "us-east-1") == ("us-east-1a",)
