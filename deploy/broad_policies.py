"""Managed policies of AWS that the role of instances must not have, because every program on an instance has it.

The list is not complete: who deploys decides which policies to trust. https://docs.aws.amazon.com/aws-managed-policy/
"""

import re
from collections.abc import Mapping

JOBS = "job-function"
"""Path of the policies for people with a job, such as SystemAdministrator."""

PERMISSIONS: Mapping[str, str] = {
    "AdministratorAccess.*": "to do everything in the account",
    "PowerUserAccess": "to do nearly everything in the account",
    "IAMFullAccess": "to give itself every permission",
    "ReadOnlyAccess|SecurityAudit": "to read nearly everything in the account",
    "AmazonSSMManagedInstanceCore|AmazonEC2RoleforSSM": "to read every parameter, the key of webhooks included",
    "SecretsManagerReadWrite": "to read and change every secret of the account",
    "(Amazon|AWS)?(CloudFormation|CloudWatch|DynamoDB|EC2|EventBridge|KeyManagement|Lambda|SNS|SQS|SSM).*"
    "(FullAccess|PowerUser|ReadOnly(Access)?)(V2|_v2)?": "to act on all resources of a service that gpudesk uses",
}
"""The permissions of policies, as clauses, by regular expressions of their names."""


def find_broad_permission(arn: str) -> str | None:
    """Return what a policy of AWS allows that no instance may do; None: nothing that is known here.

    :param arn: ARN of a managed policy. One of the account is not checked
    """
    if ":iam::aws:" not in arn:
        return None
    path, _, name = arn.partition(":policy/")[2].rpartition("/")
    if path == JOBS:
        return "to do what a person with this job may do"
    return next((permission for names, permission in PERMISSIONS.items() if re.fullmatch(names, name)), None)
