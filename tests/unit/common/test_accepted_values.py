"""Tests of the accepted values that an error message names."""

from chalicelib.domain.common.accepted_values import describe_accepted_values

REGIONS = ("ap-south-1", "ca-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "sa-east-1", "us-east-1", "us-east-2")


def test_few_values_are_all_named_in_their_order() -> None:
    assert describe_accepted_values(("jupyter", "bare"), "bare") == "jupyter, bare"


def test_of_many_values_the_first_six_are_named() -> None:
    expected = "ap-south-1, ca-central-1, eu-north-1, eu-west-1, eu-west-2, sa-east-1 and 2 more"
    assert describe_accepted_values(REGIONS) == expected


def test_of_many_values_those_similar_to_the_given_one_come_first() -> None:
    named = describe_accepted_values(REGIONS, "us-east-3")
    assert named.startswith("us-east-")
    assert named.endswith(" and 2 more")
    assert "us-east-1" in named
    assert "us-east-2" in named
    assert named.count(",") == 5
