"""Managed policies of AWS that instances must not have."""

import pytest

from deploy.broad_policies import find_broad_permission


@pytest.mark.parametrize(
    "name",
    [
        "AdministratorAccess",
        "AdministratorAccess-Amplify",
        "ReadOnlyAccess",
        "job-function/SystemAdministrator",
        "AmazonSSMManagedInstanceCore",
        "AmazonSSMReadOnlyAccess",
        "AmazonDynamoDBFullAccess",
        "AmazonDynamoDBFullAccess_v2",
        "AWSKeyManagementServicePowerUser",
        "AmazonEC2FullAccess",
        "SecretsManagerReadWrite",
    ],
)
def test_policy_that_reaches_what_is_not_the_instance_s_own_is_found(name: str) -> None:
    assert find_broad_permission(f"arn:aws:iam::aws:policy/{name}")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
        "arn:aws:iam::123456789012:policy/AdministratorAccess",
    ],
)
def test_other_policies_are_accepted(arn: str) -> None:
    assert find_broad_permission(arn) is None
