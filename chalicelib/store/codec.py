"""Domain values to and from what DynamoDB can hold; pydantic checks them on the way in."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.metering import BilledSegment
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import Notification

INSTANCE = TypeAdapter(Instance)
SEGMENT = TypeAdapter(BilledSegment)
IMAGE = TypeAdapter(Image)
BENCHMARK = TypeAdapter(Benchmark)
SETTINGS = TypeAdapter(DeskSettings)
NOTICE = TypeAdapter(Notification)
OWNER = TypeAdapter(OwnerSettings)


T = TypeVar("T")


def to_plain(adapter: TypeAdapter[T], value: T) -> dict[str, Any]:
    """A map of texts, numbers, lists and maps, without what is None."""
    plain: dict[str, Any] = adapter.dump_python(value, mode="json", exclude_none=True, exclude={"version"})
    return plain
