"""The progress of a move: the disk of a stopped instance is copied to another place, and it is launched from there.

    image -> copy (to another region only) -> launch -> clean-up

The record keeps its EC2 instance until the disk is copied. At the launch the record moves its EC2 instance to `former`.
If the move fails, it moves `former` back. `obsolete` is the EC2 instance that is not kept; the clean-up terminates it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.launch_tries import LaunchTry
from chalicelib.domain.instances.spec import Hardware
from chalicelib.domain.instances.spot import Interruption
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import SetupState


class MoveStep(StrEnum):
    """Step of a move."""

    IMAGE = "image"
    """A private image of the disk, with its secrets, is created."""
    COPY = "copy"
    """The image is copied to the region of the target."""
    LAUNCH = "launch"
    """The instance is launched from the image and set up."""
    CLEAN_UP = "clean-up"
    """The EC2 instance that is no longer needed is terminated, and the images are deleted."""


@dataclass(frozen=True, kw_only=True)
class MoveTarget:
    """The place that an instance moves to, and its type there.

    :param zone: None: any zone except the one that it leaves
    :param documents: those that set up the instance there; what its disk has already is skipped
    :param rates: there
    """

    region: str
    zone: str | None = None
    hardware: Hardware
    documents: tuple[RecipeDocument, ...] = ()
    rates: Rates = Rates()


@dataclass(frozen=True, kw_only=True)
class FormerPlace:
    """The part of the record that is kept at the launch at the target, and taken back if the move fails.

    :param market: None: it has not changed
    :param tries: those of the launch of its EC2 instance
    """

    region: str
    market: Market | None = None
    launch_choice: LaunchChoice | None = None
    tries: tuple[LaunchTry, ...] = ()
    hardware: Hardware
    ec2_instance: Ec2Instance
    setup: SetupState
    rates: Rates
    free_disk_gib: int | None = None
    has_priced_disks: bool = True
    tagged_id: str | None = None
    interruption: Interruption | None = None


@dataclass(frozen=True, kw_only=True)
class ObsoleteInstance:
    """An EC2 instance that the record has let go of, and that must be terminated.

    :param disk_rate: USD per hour of its disk, which the rates of the record include until it is terminated
    :param price: USD per hour while it runs; None: it does not run, or the price is unknown
    :param spot_instance_request_id: its spot request, which is cancelled first; None: it has none
    :param stopped_after: the last start of a former instance before the move. If it was started since, its disk may
        have newer work, and gpudesk does not terminate it. None: it is not the former instance
    :param is_started: a former instance was started since
    """

    region: str
    instance_id: str
    disk_rate: Decimal = Decimal(0)
    price: Decimal | None = None
    spot_instance_request_id: str | None = None
    stopped_after: datetime | None = None
    is_started: bool = False


@dataclass(frozen=True, kw_only=True)
class MoveState:
    """A move in progress.

    :param id: unique; the names and tags of its images have it
    :param source_region: region of the disk
    :param called_at: time of the last call of the step; None: it was not called yet
    :param image_called_at: time of the last call that creates an image, whose effect may show only later
    :param image_id: the image in the region of the disk, once it is available, or once it is the only copy
    :param launch_image_id: the image that the instance is launched from; None: it is not ready
    :param former: set from the launch until its end
    :param more_obsolete: obsolete EC2 instances that follow the first one
    :param is_source_lost: the former EC2 instance was terminated outside gpudesk, so only the images have the disk
    :param is_failed: it has ended without success
    """

    id: str
    requested_by: str
    requested_at: datetime
    source_region: str
    source_zone: str
    target: MoveTarget
    step: MoveStep = MoveStep.IMAGE
    step_since: datetime
    called_at: datetime | None = None
    image_called_at: datetime | None = None
    image_id: str | None = None
    launch_image_id: str | None = None
    former: FormerPlace | None = None
    obsolete: ObsoleteInstance | None = None
    more_obsolete: tuple[ObsoleteInstance, ...] = ()
    is_source_lost: bool = False
    is_failed: bool = False

    @property
    def obsolete_instances(self) -> tuple[ObsoleteInstance, ...]:
        """The EC2 instances that the clean-up has to terminate, in this order."""
        return (self.obsolete, *self.more_obsolete) if self.obsolete else ()

    @property
    def is_copying(self) -> bool:
        """Return whether the disk is copied: the instance is not launched at the target yet."""
        return self.step in (MoveStep.IMAGE, MoveStep.COPY)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions in which the move can have images."""
        return tuple(dict.fromkeys((self.source_region, self.target.region)))

    @property
    def place(self) -> str:
        """The place that it moves to, as people read it."""
        is_same_region = self.target.region == self.source_region
        return self.target.zone or ("another zone" if is_same_region else self.target.region)

    def allows_zone(self, zone: str) -> bool:
        """Return whether the instance can be launched in a zone of the region of the target."""
        if self.target.zone is not None:
            return zone == self.target.zone
        return zone != self.source_zone


def add_former_disk(move: MoveState | None, rates: Rates) -> Rates:
    """Return the rates of a launch, with the former disk during a move: AWS bills it until it is deleted."""
    former_disk = move.former.rates.disk if move and move.former else None
    return replace(rates, disk=rates.disk + former_disk) if rates.disk and former_disk else rates


def remove_former_disk(move: MoveState | None, rates: Rates) -> Rates:
    """Return the rates of a launch as they are after the move, without the former disk."""
    former_disk = move.former.rates.disk if move and move.former else None
    return replace(rates, disk=rates.disk - former_disk) if rates.disk and former_disk else rates


def add_obsolete(move: MoveState, obsolete: ObsoleteInstance) -> MoveState:
    """Return the move with another EC2 instance to terminate."""
    first, *more = (*move.obsolete_instances, obsolete)
    return replace(move, obsolete=first, more_obsolete=tuple(more))


def drop_first_obsolete(move: MoveState) -> MoveState:
    """Return the move without its first obsolete EC2 instance, which is terminated. The next one is the first then."""
    first, more = (move.more_obsolete[0], move.more_obsolete[1:]) if move.more_obsolete else (None, ())
    return replace(move, obsolete=first, more_obsolete=more, called_at=None)
