"""Path segments and headers that a route declares, with their checks and their descriptions for OpenAPI."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chalicelib.api.request_models import EC2_ID_DESCRIPTION, EC2_ID_PATTERN, OWNER_DESCRIPTION, OWNER_PATTERN
from chalicelib.domain.access.actor import build_image_not_found_error, build_instance_not_found_error
from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.common.errors import ErrorCode, FieldError, NotFound, ValidationFailed

REF_PATTERN = re.compile(r"[A-Za-z0-9-]{1,64}")
"""The characters of names and ids. A path segment with any other character is not looked up."""


@dataclass(frozen=True)
class PathParameter:
    """The variable segment of a path.

    :param key: the name between the braces of the path
    :param description: what the segment holds, for the OpenAPI document
    :param schema: its JSON schema
    :param check: raises an error if the decoded segment cannot be a name or an id
    """

    key: str
    description: str
    schema: dict[str, Any]
    check: Callable[[str], None]

    def read(self, segment: str) -> str:
        """Return the decoded segment.

        :param segment: percent-encoded, because API Gateway's REST APIs pass segments on unchanged
        :raises NotFound: no instance or image can have this name
        :raises ValidationFailed: no owner can have this name
        """
        value = unquote(segment)
        self.check(value)
        return value


@dataclass(frozen=True)
class HeaderParameter:
    """An optional request header that a handler reads."""

    name: str
    description: str


def _check_instance_ref(value: str) -> None:
    if not REF_PATTERN.fullmatch(value):
        raise build_instance_not_found_error(value)


def _check_image_ref(value: str) -> None:
    if not REF_PATTERN.fullmatch(value):
        raise build_image_not_found_error(value)


def _check_owner(value: str) -> None:
    if not re.fullmatch(OWNER_PATTERN, value):
        wrong = FieldError("owner", f"must be {OWNER_DESCRIPTION}")
        raise ValidationFailed(f"The path must contain {OWNER_DESCRIPTION}.", errors=(wrong,))


def _check_quota_code(value: str) -> None:
    if value not in NAMES:
        message = f"Quota {value[:60]!r} was not found. GET /quotas lists the quotas that gpudesk knows."
        raise NotFound(message, code=ErrorCode.QUOTA_NOT_FOUND)


def _check_ec2_id(value: str) -> None:
    if not re.fullmatch(EC2_ID_PATTERN, value):
        wrong = FieldError("instance_id", f"must be {EC2_ID_DESCRIPTION}")
        raise ValidationFailed(f"The path must contain {EC2_ID_DESCRIPTION}.", errors=(wrong,))


INSTANCE_REF = PathParameter(
    "name",
    "the id of an instance, or its name; a name that only terminated instances have means the newest of them",
    {"type": "string"},
    _check_instance_ref,
)
IMAGE_REF = PathParameter(
    "image",
    "the id of an image, or its name if it is unique among the images that you can access",
    {"type": "string"},
    _check_image_ref,
)
EC2_ID = PathParameter(
    "instance_id",
    EC2_ID_DESCRIPTION,
    {"type": "string", "pattern": EC2_ID_PATTERN},
    _check_ec2_id,
)
OWNER_REF = PathParameter("owner", OWNER_DESCRIPTION, {"type": "string", "pattern": OWNER_PATTERN}, _check_owner)
QUOTA_CODE = PathParameter(
    "code",
    "the code of a quota of GET /quotas, e.g. L-DB2E81BA",
    {"type": "string", "enum": list(NAMES)},
    _check_quota_code,
)
