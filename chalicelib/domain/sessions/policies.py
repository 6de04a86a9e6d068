"""Session policies: what the credentials of one session may do. The permissions of the session role only bound them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.sessions.role import RoleArn

MAX_POLICY_LENGTH = 2_048
"""Maximum length of a session policy in characters.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""


class PolicyTooLong(ValueError):
    """A session policy has more than MAX_POLICY_LENGTH characters."""


def build_start_policy(role: RoleArn, session_name: str, region: str, instance_id: str, document: str) -> str:
    """Return the policy of the credentials that gpudesk keeps: start a session on this instance with this document.

    StartSession needs both resources. With another document, or without one, the call is denied. The credentials can
    also end the session, whose id begins with the role session name, in case that nobody gets it.

    :param session_name: role session name, which no other session has
    """
    resources = (
        f"arn:{role.partition}:ec2:{region}:{role.account}:instance/{instance_id}",
        f"arn:{role.partition}:ssm:{region}:{role.account}:document/{document}",
    )
    session = f"arn:{role.partition}:ssm:{region}:{role.account}:session/{session_name}-*"
    return _build_policy([_allow(["ssm:StartSession"], resources), _allow(["ssm:TerminateSession"], [session])])


def build_channel_policy(role: RoleArn, region: str, session_id: str) -> str:
    """Return the policy of the credentials for the laptop: open, resume and end this one session.

    The resource is the literal ARN of the session and not a pattern with `${aws:userid}`, so that the credentials open
    no other session of the same person.
    """
    session = f"arn:{role.partition}:ssm:{region}:{role.account}:session/{session_id}"
    actions = ["ssmmessages:OpenDataChannel", "ssm:ResumeSession", "ssm:TerminateSession"]
    return _build_policy([_allow(actions, [session])])


def _allow(actions: Sequence[str], resources: Sequence[str]) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _build_policy(statements: Sequence[Mapping[str, Any]]) -> str:
    """Return a policy without whitespace, because its length counts.

    :raises PolicyTooLong: STS would refuse it
    """
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
    if len(text) > MAX_POLICY_LENGTH:
        raise PolicyTooLong(f"The session policy has {len(text)} characters; STS accepts {MAX_POLICY_LENGTH}.")
    return text
