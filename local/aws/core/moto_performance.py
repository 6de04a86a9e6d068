"""Faster implementations of parts of moto and the SDK, with the same results. Most of the tests' time passes in both.

- Values are computed once per process instead of for each call or each cloud: the method names of a response class, the
  possible names of a member in a Python object, whether moto transforms it, the offers of an instance type by zone,
  checked names of XML elements, the parts of the SDK's User-Agent, and the key pair of KMS keys, which encrypt nothing
  here.
- To look up a member of a response, moto describes it in an object, from which its possible names are computed.
- Each access to a backend compares the service with all others under a lock, to know whether moto will reset it.
- To find the tags of one EC2 resource, moto compares the tags of all resources.
- moto chooses random texts one character after the other.
"""

import functools
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import xmltodict  # type: ignore[import-untyped]
from botocore import useragent
from moto.core import responses
from moto.core.base_backend import BackendDict
from moto.core.serialize import AttributePicker, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import MISSING, get_value  # type: ignore[attr-defined]
from moto.ec2 import utils as ec2_utils
from moto.ec2.models.instance_types import InstanceTypeOfferingBackend
from moto.ec2.models.tags import TagBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.kms import models as kms_models
from moto.moto_api._internal import mock_random as moto_random
from moto.moto_api._internal.moto_random import MotoRandom

from local.aws.core.patches import Patches

DescribeTags = Callable[..., list[dict[str, str]]]
GetValue = Callable[[Any, Any, str, Any], Any]
GetPossibleKeys = Callable[[Any, Any], Iterable[str]]

RESOURCE_ID = re.compile("[a-z]+-[0-9a-f]+")
"""Id of an EC2 resource, without wildcards."""

_POSSIBLE_KEYS: dict[tuple[type, Any, str], tuple[str, ...]] = {}
"""Keyed by the object's class, the member's shape (botocore loads a service model once) and the member's name."""

_OFFERINGS: dict[tuple[str, str | None, tuple[tuple[str, tuple[str, ...]], ...]], list[Any]] = {}
"""The offers of instance types that moto has, by region, kind of location and filters."""


def patch(patches: Patches) -> None:
    """Install the faster implementations."""
    patches.wrap(kms_models, "generate_private_key", remember_results)
    patches.wrap(responses, "method_names_from_class", remember_results)
    patches.wrap(xmltodict, "_validate_name", remember_results)
    patches.wrap(useragent, "sanitize_user_agent_string_component", remember_results)
    patches.add(AttributePicker, "__call__", _pick_attribute)
    patches.wrap(ResponseSerializer, "get_value", _get_known_value)
    patches.wrap(BackendDict, "__getitem__", _get_existing)
    patches.wrap(responses, "http_date", _remember_date)
    patches.wrap(XFormedAttributePicker, "get_possible_keys", _cache_possible_keys)
    patches.wrap(InstanceTypeOfferingBackend, "describe_instance_type_offerings", _remember_offerings)
    patches.wrap(TagBackend, "describe_tags", _look_up_tags)
    patches.add(MotoRandom, "get_random_string", _get_random_string)
    patches.wrap(ec2_utils, "random_resource_id", lambda _: _get_random_resource_id)


@functools.cache
def remember_latest(original: Callable[[datetime], str]) -> Callable[[datetime], str]:
    """Return a function that computes the texts of the latest times once."""
    return functools.lru_cache(maxsize=8)(original)


@functools.cache
def remember_results(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes each result once per process, also if each cloud installs it again."""
    return functools.cache(original)


def _look_up_tags(original: DescribeTags) -> DescribeTags:
    def describe_tags(backend: Any, filters: Any = None) -> list[dict[str, str]]:
        ids: Sequence[str] = filters["resource-id"] if filters and filters.keys() == {"resource-id"} else ()
        if len(ids) != 1 or not RESOURCE_ID.fullmatch(ids[0]):
            return original(backend, filters)
        resource_id = ids[0]
        resource_type = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource_id) or "", "")
        return [
            {"resource_id": resource_id, "key": key, "value": value, "resource_type": resource_type}
            for key, value in backend.tags.get(resource_id, {}).items()
        ]

    return describe_tags


def _cache_possible_keys(original: GetPossibleKeys) -> GetPossibleKeys:
    def get_possible_keys(picker: Any, context: Any) -> Iterable[str]:
        member = type(context.obj), context.shape, context.key
        keys = _POSSIBLE_KEYS.get(member)
        if keys is None:
            keys = _POSSIBLE_KEYS[member] = tuple(dict.fromkeys(original(picker, context)))
        return keys

    return get_possible_keys


def _pick_attribute(picker: Any, context: Any) -> Any:
    value = None
    for key in picker.get_possible_keys(context):
        found = get_value(context.obj, key, MISSING)
        if found is not MISSING:
            value = found
            break
    path = _find_path(tuple(picker.response_transformers), f"{context.key_path}.{context.key}")
    return value if path is None else picker.response_transformers[path](value)


def _get_known_value(original: GetValue) -> GetValue:
    """Look up a member whose possible keys are known, unless moto may transform it."""

    def get_member(serializer: Any, value: Any, key: str, shape: Any) -> Any:
        picker = serializer._value_picker
        keys = None
        if type(picker) is XFormedAttributePicker and not _may_transform(tuple(picker.response_transformers), key):
            keys = _POSSIBLE_KEYS.get((type(value), shape, key))
        if keys is None:
            return original(serializer, value, key, shape)
        for possible_key in keys:
            found = get_value(value, possible_key, MISSING)
            if found is not MISSING:
                return found
        return None

    return get_member


@functools.cache
def _may_transform(ends: tuple[str, ...], key: str) -> bool:
    """Return whether the path of a member can have one of some ends."""
    return any(key.endswith(end.rpartition(".")[2]) for end in ends)


def _get_existing(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def get_backends(backends: Any, account: str) -> Any:
        found = dict.get(backends, account)
        is_registered = any(each is backends for each in BackendDict._instances)  # type: ignore[misc]
        return found if found is not None and is_registered else original(backends, account)

    return get_backends


def _remember_date(original: Callable[[datetime], str]) -> Callable[[datetime], str]:
    remembered = remember_latest(original)

    def write_date(time: datetime) -> str:
        return remembered(time.replace(microsecond=0))

    return write_date


@functools.cache
def _find_path(ends: tuple[str, ...], key_path: str) -> str | None:
    """Return the first of some ends of paths that a path has."""
    return next((end for end in ends if key_path.endswith(end)), None)


def _remember_offerings(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def describe(
        backend: Any, location_type: str | None = None, filters: Mapping[str, Sequence[str]] | None = None
    ) -> list[Any]:
        criteria = tuple((name, tuple(values)) for name, values in sorted((filters or {}).items()))
        query = backend.region_name, location_type, criteria
        if query not in _OFFERINGS:
            _OFFERINGS[query] = original(backend, location_type, filters)
        return list(_OFFERINGS[query])

    return describe


def forget_offerings() -> None:
    """Compute the offers of instance types again, because some were added or removed."""
    _OFFERINGS.clear()


def _get_random_string(
    random: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False
) -> str:
    pool = string.ascii_letters + (string.digits if include_digits else "")
    text = "".join(random.choices(pool, k=length))
    return text.lower() if lower_case else text


def _get_random_resource_id(size: int = 8) -> str:
    return "".join(moto_random.choices(ec2_utils.HEX_CHARS, k=size))
