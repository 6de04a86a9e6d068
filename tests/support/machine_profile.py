"""An instance profile for instances that tests launch without gpudesk: without a role, their agents cannot connect."""

import json
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends

NAME = "machines"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ec2messages:*", "logs:*", "ssm:UpdateInstanceInformation", "ssmmessages:*"],
            "Resource": "*",
        },
    ],
}


def create_machine_profile() -> str:
    """Create the profile and its role, unless they exist, and return the name of the profile."""
    backend: Any = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    if NAME not in {profile.name for profile in backend.instance_profiles.values()}:
        backend.create_role(NAME, json.dumps(TRUST), "/", None, "", [], None)
        backend.put_role_policy(NAME, NAME, json.dumps(POLICY))
        backend.create_instance_profile(NAME, "/", [NAME])
    return NAME
