"""Check the fields of a launch request that do not depend on other fields."""

import re
from collections.abc import Iterator

from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.names import NAME_DESCRIPTION, is_valid_name
from chalicelib.domain.launch.market_choice import check_market
from chalicelib.domain.launch.request import LaunchRequest

MIN_DISK_GIB = 8
MAX_TAGS = 40
MAX_TAG_KEY_LENGTH = 128
MAX_TAG_VALUE_LENGTH = 256
MAX_PROJECT_LENGTH = 64
TAG_PATTERN = re.compile(r"[\w .:/=+\-@]*", re.ASCII)
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions"""
RESERVED_TAG_PREFIXES = ("aws:", "gpudesk:")
TAG_CHARACTERS = "letters, digits, spaces and . : / = + - _ @"


def check_fields(request: LaunchRequest, limits: Limits) -> Iterator[FieldError]:
    """Yield an error for each field that is wrong on its own."""
    disk_gib = request.disk_gib
    yield from check_market(request)
    if disk_gib is not None and not MIN_DISK_GIB <= disk_gib <= limits.disk_gib:
        yield FieldError("disk_gib", f"must be {MIN_DISK_GIB} to {limits.disk_gib} GiB, not {disk_gib}")
    if request.name is not None and not is_valid_name(request.name):
        yield FieldError("name", f"{request.name[:60]!r} is invalid: must be {NAME_DESCRIPTION}")
    yield from _check_tags(request)
    yield from _check_project(request)
    yield from _check_required_tags(request, limits)


def _check_tags(request: LaunchRequest) -> Iterator[FieldError]:
    if len(request.tags) > MAX_TAGS:
        yield FieldError("tags", f"must have at most {MAX_TAGS} entries, not {len(request.tags)}")
    for key, value in request.tags.items():
        field = f"tags.{key[:60]}"
        if key in ("Name", "project") or key.lower().startswith(RESERVED_TAG_PREFIXES):
            yield FieldError(field, "is reserved for gpudesk or AWS; choose another key")
        elif not 1 <= len(key) <= MAX_TAG_KEY_LENGTH or len(value) > MAX_TAG_VALUE_LENGTH:
            yield FieldError(
                field,
                f"must have a key of 1 to {MAX_TAG_KEY_LENGTH} and a value of at most {MAX_TAG_VALUE_LENGTH} "
                "characters",
            )
        elif not (TAG_PATTERN.fullmatch(key) and TAG_PATTERN.fullmatch(value)):
            yield FieldError(field, f"must contain only {TAG_CHARACTERS}")


def _check_project(request: LaunchRequest) -> Iterator[FieldError]:
    project = request.project
    if project is not None and not (TAG_PATTERN.fullmatch(project) and 1 <= len(project) <= MAX_PROJECT_LENGTH):
        yield FieldError("project", f"must be 1 to {MAX_PROJECT_LENGTH} {TAG_CHARACTERS}")


def _check_required_tags(request: LaunchRequest, limits: Limits) -> Iterator[FieldError]:
    for key in limits.required_tags:
        if key == "project" and not request.project:
            yield FieldError("project", "is required on this desk")
        elif key != "project" and not request.tags.get(key):
            yield FieldError(f"tags.{key}", "is required on this desk")
