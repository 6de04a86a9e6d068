"""The session role: its ARN, the name under which gpudesk assumes it for a person, and its temporary credentials.

The role session name identifies the person in CloudTrail and in DescribeSessions. All credentials of one session are
created under the same name, because Session Manager lets only the identity that started a session open, resume and end
it: `aws:userid` is the id of the role and this name.
https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

MAX_CALLER_LENGTH = 40
RANDOM_DIGITS = 16
"""Hex digits after the caller's name. A role session name has at most 64 characters.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

_REFUSED_CHARACTERS = re.compile(r"[^A-Za-z0-9_+=,.@-]")
_ROLE_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):role/[\w+=,.@/-]{1,576}")
_SESSION_ID = re.compile(rf"(?P<name>.+-[0-9a-f]{{{RANDOM_DIGITS}}})-[A-Za-z0-9]+")


class InvalidRoleArn(ValueError):
    """The text is not the ARN of an IAM role."""


@dataclass(frozen=True)
class RoleArn:
    """The ARN of an IAM role, and the partition and account in it."""

    text: str
    partition: str
    account: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an ARN.

        :raises InvalidRoleArn: the text is not the ARN of a role
        """
        match = _ROLE_ARN.fullmatch(text)
        if match is None:
            raise InvalidRoleArn(f"{text!r} is not the ARN of an IAM role.")
        return cls(text, match["partition"], match["account"])


@dataclass(frozen=True)
class Credentials:
    """Temporary AWS credentials. `repr` keeps the secret parts out of logs."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


def build_role_session_name(caller: str, random_hex: str) -> str:
    """Return the name under which gpudesk assumes the session role for a caller.

    :param random_hex: RANDOM_DIGITS random hex digits; they make the name unique to one session
    """
    return f"{_build_prefix(caller)}-{random_hex}"


def is_started_by(session_id: str, caller: str) -> bool:
    """Return whether the session was started for this caller: its id begins with the role session name."""
    match = _SESSION_ID.fullmatch(session_id)
    return match is not None and match["name"][: -RANDOM_DIGITS - 1] == _build_prefix(caller)


def find_role_session_name(session_id: str) -> str:
    """Return the role session name that a session id begins with.

    :raises ValueError: the session was not started by gpudesk
    """
    match = _SESSION_ID.fullmatch(session_id)
    if match is None:
        raise ValueError(f"{session_id} is not the id of a session that gpudesk has started.")
    return match["name"]


def _build_prefix(caller: str) -> str:
    return _REFUSED_CHARACTERS.sub("-", caller)[:MAX_CALLER_LENGTH]
