"""The tables. Models stay in this package; outside it, only the domain's values are seen."""

import functools
import json
import os
from typing import Any

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

PREFIX = os.environ.get("GPUDESK_TABLE_PREFIX", "gpudesk")
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


PARTITION = "all"
"""The one hash key of an index over all instances or all images: a team has hundreds of them."""


class _Meta:
    """What all tables have in common.

    Whoever waits for the API is answered within its function's time, so a table that hangs or refuses is waited for
    briefly and asked once: the caller is told to come again, and the loop does so by itself.
    """

    region = REGION
    billing_mode = "PAY_PER_REQUEST"
    connect_timeout_seconds = 0.5
    read_timeout_seconds = 1.0
    max_retry_attempts = 0


class UncheckedAttribute(Attribute[Any]):
    """An attribute that somebody else writes: whatever its type, reading it does not fail."""

    attr_type = "M"

    def get_value(self, value: dict[str, Any]) -> Any:
        return value

    def serialize(self, value: Any) -> Any:
        raise NotImplementedError("written by the instances alone")

    def deserialize(self, value: dict[str, Any]) -> Any:
        kind, content = next(iter(value.items()))
        match kind:
            case "S" | "BOOL":
                return content
            case "N":
                return json.loads(content)
            case "M":
                return {name: self.deserialize(item) for name, item in content.items()}
            case "L":
                return [self.deserialize(item) for item in content]
            case _:
                return None


class InstancesByOwner(GlobalSecondaryIndex["InstanceModel"]):
    """One owner's instances, in the order in which they were asked for."""

    class Meta(_Meta):
        index_name = "by-owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class InstancesByCreation(GlobalSecondaryIndex["InstanceModel"]):
    """All instances, in the order in which they were asked for."""

    class Meta(_Meta):
        index_name = "by-creation"
        projection = AllProjection()

    partition = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class ActiveInstances(GlobalSecondaryIndex["InstanceModel"]):
    """The instances that the sweep reconciles. Sparse: a terminated instance has no `active`."""

    class Meta(_Meta):
        index_name = "active"
        projection = AllProjection()

    active = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class InstancesByEc2Id(GlobalSecondaryIndex["InstanceModel"]):
    """The record of an EC2 instance."""

    class Meta(_Meta):
        index_name = "by-ec2-instance"
        projection = AllProjection()

    ec2_instance_id = UnicodeAttribute(hash_key=True)


class InstanceModel(Model):
    """Spec and status of an instance in one item; `record` is the domain's value, the rest serves keys and filters.

    A person's write sets `user_write`, a write of the control loop removes it: the stream's filter passes the former.
    """

    class Meta(_Meta):
        table_name = f"{PREFIX}-instances"
        stream_view_type = "NEW_IMAGE"

    id = UnicodeAttribute(hash_key=True)
    partition = UnicodeAttribute(default=PARTITION)
    owner = UnicodeAttribute()
    created_key = UnicodeAttribute()
    active = UnicodeAttribute(null=True)
    ec2_instance_id = UnicodeAttribute(null=True)
    user_write = BooleanAttribute(null=True)
    record: MapAttribute[str, Any] = MapAttribute()
    version = VersionAttribute()
    expires_at = TTLAttribute(null=True)
    by_owner = InstancesByOwner()
    by_creation = InstancesByCreation()
    active_index = ActiveInstances()
    by_ec2_instance = InstancesByEc2Id()


class TimelineModel(Model):
    """What was done or decided about an instance; `seq` is the version of the record that it came with."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-timeline"

    instance = UnicodeAttribute(hash_key=True)
    seq = UnicodeAttribute(range_key=True)
    at = UnicodeAttribute()
    actor = UnicodeAttribute()
    code = UnicodeAttribute()
    message = UnicodeAttribute()
    details: MapAttribute[str, Any] = MapAttribute(default=dict)


class HeartbeatModel(Model):
    """An instance's heartbeat. Its role may update this one item, but not `response`, which gpudesk writes."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-heartbeats"

    id = UnicodeAttribute(hash_key=True)
    at = UncheckedAttribute(null=True)
    boot_id = UncheckedAttribute(null=True)
    instance_id = UncheckedAttribute(null=True)
    probe = UncheckedAttribute(null=True)
    signals = UncheckedAttribute(null=True)
    live_counts = UncheckedAttribute(null=True)
    acknowledged = UncheckedAttribute(null=True)
    keep_request = UncheckedAttribute(null=True)
    missed_heartbeats = UncheckedAttribute(null=True)
    self_stop = UncheckedAttribute(null=True)
    setup = UncheckedAttribute(null=True)
    response: MapAttribute[str, Any] = MapAttribute(null=True)


class PendingNotifications(GlobalSecondaryIndex["NotificationModel"]):
    """The notifications to deliver. Sparse: a finished notification has no `pending`."""

    class Meta(_Meta):
        index_name = "due"
        projection = AllProjection()

    pending = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class NotificationsByInstance(GlobalSecondaryIndex["NotificationModel"]):
    """One instance's notifications, in the order in which they were written."""

    class Meta(_Meta):
        index_name = "by-instance"
        projection = AllProjection()

    instance = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class NotificationModel(Model):
    """A message to an owner or admin; `notification` is the domain's value with its delivery log."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-notifications"

    id = UnicodeAttribute(hash_key=True)
    instance = UnicodeAttribute()
    at = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    notification: MapAttribute[str, Any] = MapAttribute()
    expires_at = TTLAttribute(null=True)
    by_due = PendingNotifications()
    by_instance = NotificationsByInstance()


class ImagesByOwner(GlobalSecondaryIndex["ImageModel"]):
    """One owner's images, in the order in which they were asked for. Sparse: a deleted one has no `owner`."""

    class Meta(_Meta):
        index_name = "by-owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class ImagesByCreation(GlobalSecondaryIndex["ImageModel"]):
    """All images, in the order in which they were asked for. Sparse like the other."""

    class Meta(_Meta):
        index_name = "by-creation"
        projection = AllProjection()

    partition = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class PendingImages(GlobalSecondaryIndex["ImageModel"]):
    """The images that need work. Sparse: a finished image has no `pending`."""

    class Meta(_Meta):
        index_name = "pending"
        projection = AllProjection()

    pending = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class ImageModel(Model):
    """An image made of an instance; `record` is the domain's value, the rest serves keys."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-images"

    id = UnicodeAttribute(hash_key=True)
    partition = UnicodeAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    created_key = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)
    record: MapAttribute[str, Any] = MapAttribute()
    version = VersionAttribute()
    expires_at = TTLAttribute(null=True)
    by_owner = ImagesByOwner()
    by_creation = ImagesByCreation()
    pending_index = PendingImages()


class OwnerModel(Model):
    """What is set for one owner: policy and channels."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-owners"

    owner = UnicodeAttribute(hash_key=True)
    settings: MapAttribute[str, Any] = MapAttribute()
    version = NumberAttribute()


class LedgerModel(Model):
    """A stretch of time that was billed; under the month in which it ended."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-ledger"

    month = UnicodeAttribute(hash_key=True)
    sort_key = UnicodeAttribute(range_key=True)
    segment: MapAttribute[str, Any] = MapAttribute()


class BenchmarkModel(Model):
    """A validated benchmark; `sort_key` is the instance type, the time and the id of the run."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-benchmarks"

    partition = UnicodeAttribute(hash_key=True)
    sort_key = UnicodeAttribute(range_key=True)
    benchmark: MapAttribute[str, Any] = MapAttribute()
    expires_at = TTLAttribute(null=True)


class TokenModel(Model):
    """A bearer token; only its hash is known."""

    class Meta(_Meta):
        table_name = f"{PREFIX}-tokens"

    hash = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute()
    owner = UnicodeAttribute()
    role = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = UnicodeAttribute()


class DeskModel(Model):
    """Small things that only one may hold: names, limits, wishes, the sweep's lease, and the desk's settings.

    And how long documents took: nobody's in particular, the last run's.
    """

    class Meta(_Meta):
        table_name = f"{PREFIX}-desk"

    key = UnicodeAttribute(hash_key=True)
    instance = UnicodeAttribute(null=True)
    number = NumberAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    warnings: ListAttribute[MapAttribute[str, Any]] = ListAttribute(null=True)
    holder = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    done = NumberAttribute(null=True)
    settings: MapAttribute[str, Any] = MapAttribute(null=True)
    steps: ListAttribute[MapAttribute[str, Any]] = ListAttribute(null=True)
    version = NumberAttribute(null=True)
    expires_at = TTLAttribute(null=True)


TABLES: tuple[type[Model], ...] = (
    InstanceModel,
    TimelineModel,
    HeartbeatModel,
    NotificationModel,
    ImageModel,
    OwnerModel,
    LedgerModel,
    BenchmarkModel,
    TokenModel,
    DeskModel,
)


def create_tables() -> None:
    """Make the tables that are missing; for the local cloud and tests (on AWS, CloudFormation makes them)."""
    for model in TABLES:
        if not model.exists():
            model.create_table(wait=True)


@functools.cache
def connection() -> Connection:
    """The client that transactions go through; making one costs more than a call.

    It does not read the tables' `Meta`, so it is given the same limits.
    """
    return Connection(
        region=REGION,
        connect_timeout_seconds=_Meta.connect_timeout_seconds,
        read_timeout_seconds=_Meta.read_timeout_seconds,
        max_retry_attempts=_Meta.max_retry_attempts,
    )


_endpoints: list[str | None] = []


def reset_endpoint(endpoint: str | None) -> None:
    """Let the next call read the endpoint from the environment again, where it is another one than before.

    A client costs a tenth of a second, so those that already lead there are kept.
    """
    if _endpoints and _endpoints[-1] == endpoint:
        return
    _endpoints[:] = [endpoint]
    connection.cache_clear()
    for model in TABLES:
        model._connection = None
