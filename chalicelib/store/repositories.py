"""The repositories that services and the control loop share."""

from dataclasses import dataclass, field

from chalicelib.store.desk import DeskRepository
from chalicelib.store.durations import DurationRepository
from chalicelib.store.heartbeats import HeartbeatRepository
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.owners import OwnerRepository


@dataclass(frozen=True, kw_only=True)
class Repositories:
    """One repository for each DynamoDB table, or for each kind of item in it."""

    instances: InstanceRepository = field(default_factory=InstanceRepository)
    heartbeats: HeartbeatRepository = field(default_factory=HeartbeatRepository)
    desk: DeskRepository = field(default_factory=DeskRepository)
    owners: OwnerRepository = field(default_factory=OwnerRepository)
    notifications: NotificationOutbox = field(default_factory=NotificationOutbox)
    durations: DurationRepository = field(default_factory=DurationRepository)
    images: ImageRepository = field(default_factory=ImageRepository)
