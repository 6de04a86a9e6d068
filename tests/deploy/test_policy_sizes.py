"""Settings with more entries than IAM's limits allow are refused by name, before anything is written."""

from typing import Any

import pytest

from deploy.names import ResourceNames
from deploy.policies import POLICIES
from deploy.policies.size import MAX_INLINE_LENGTH, MAX_MANAGED_LENGTH, divide_policy, measure_policy
from deploy.roles import build_roles
from deploy.setting_checks import InvalidDeploymentSetting
from deploy.stage_file import parse_deployment_settings

BUCKETS = [f"team-data-with-a-long-name-{number:03}" for number in range(300)]
LISTED_POLICIES = [f"arn:aws:iam::123456789012:policy/team-{number}" for number in range(11)]
SUBNETS = [f"subnet-0a1b2c3d4e5f60{number:03}" for number in range(90)]


def build(**changes: Any) -> None:
    raw = {"home_region": "us-east-1", "alarm_email": "ops@team.org", "regions": {"us-east-1": {}}, **changes}
    build_roles(ResourceNames(parse_deployment_settings("prod", raw)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"buckets": BUCKETS}, "buckets has too many entries: the policy with the statement (List|Use)Buckets has"),
        ({"secret_prefixes": BUCKETS}, "secret_prefixes has too many entries"),
        ({"instance_policies": LISTED_POLICIES}, "instance_policies has too many entries: .* 11 managed policies"),
        (
            {"regions": {"us-east-1": {"vpc": "vpc-0a1b2c3d", "subnets": SUBNETS}}},
            r"regions\.us-east-1\.subnets has too many entries",
        ),
    ],
)
def test_setting_with_too_many_entries_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDeploymentSetting, match=message):
        build(**changes)


def test_ten_policies_of_the_admin_are_accepted() -> None:
    build(instance_policies=LISTED_POLICIES[:10])


def test_policies_of_many_regions_fit_into_iam() -> None:
    key, subnets = "arn:aws:kms:{}:123456789012:key/0f", [f"subnet-0a1b2c3{digit}" for digit in range(3)]
    regions = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1")
    tables = {
        each: {"vpc": f"vpc-0a1b2c3{number}", "subnets": subnets, "kms_key": key.format(each)}
        for number, each in enumerate(regions)
    }
    raw = {"home_region": "us-east-1", "alarm_email": "ops@example.com", "regions": tables}
    names = ResourceNames(parse_deployment_settings("production", raw))
    for build_policy in POLICIES.values():
        inline, *managed = divide_policy(build_policy(names))
        assert measure_policy(inline) <= MAX_INLINE_LENGTH
        assert all(measure_policy(part) <= MAX_MANAGED_LENGTH for part in managed)
        assert tuple(each for part in (inline, *managed) for each in part.statements) == build_policy(names).statements
