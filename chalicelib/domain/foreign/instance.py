"""A GPU instance that gpudesk does not manage, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.ec2_instance import Ec2State

HOURS_PER_DAY = 24

NOT_RUNNING = (Ec2State.STOPPING, Ec2State.STOPPED)
"""States in which AWS bills the disks only:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html"""

LINUX = "Linux/UNIX"
"""The platform of the prices in the catalog. Others have a license in their price:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-info-fields.html"""

GPU_LETTERS = ("g", "p")
"""The first letters of the GPU families that AWS adds. All families with these letters have GPUs:
https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""

MAX_TAGS = 10
MAX_TAG_LENGTH = 60
"""Limits of the tags that are kept of an instance, so that one item of DynamoDB holds all instances."""


@dataclass(frozen=True, kw_only=True)
class ForeignInstance:
    """A GPU instance of the account without the tags of this gpudesk, as EC2 showed it.

    :param launched_at: when it was launched, or last started
    :param name: its tag Name; empty: it has none
    :param tags: at most MAX_TAGS, each cut to MAX_TAG_LENGTH; the tags of gpudesk and Name first
    :param market: None: neither on-demand nor spot, such as a capacity block
    :param platform: as EC2 names it in bills
    :param manager: the service that manages it; None: none is known
    :param other_stage: the stage of another gpudesk that manages it; None: none does
    :param disk_gib: the size of its disks; None: it could not be read, or not all are gp3, whose price is known
    """

    instance_id: str
    region: str
    zone: str
    instance_type: str
    state: Ec2State
    launched_at: datetime
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    market: Market | None = None
    platform: str = LINUX
    manager: str | None = None
    other_stage: str | None = None
    disk_gib: int | None = None

    @property
    def is_running(self) -> bool:
        """Return whether AWS bills its hours."""
        return self.state not in NOT_RUNNING


@dataclass(frozen=True, kw_only=True)
class DailyPrice:
    """The costs of an instance per day in US dollars at list prices; None: unknown.

    :param instance: zero while it is stopped
    :param disks: its EBS volumes
    """

    instance: Decimal | None
    disks: Decimal | None


def compute_daily_price(instance: ForeignInstance, catalog: InstanceTypeCatalog) -> DailyPrice:
    """Return what an instance costs per day in its present state.

    The catalog has on-demand prices of Linux. Any other price is unknown.
    """
    hourly = None
    if not instance.is_running:
        hourly = Decimal(0)
    elif instance.market is Market.ON_DEMAND and instance.platform == LINUX:
        hourly = catalog.get_price(instance.instance_type, instance.region)
    disks = None
    if instance.disk_gib is not None:
        disks = catalog.get_disk_price_per_gib_hour(instance.region) * instance.disk_gib * HOURS_PER_DAY
    return DailyPrice(instance=None if hourly is None else hourly * HOURS_PER_DAY, disks=disks)


def select_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags to keep: those of gpudesk and Name first, then by key."""
    first = sorted(tags, key=lambda key: (not key.startswith("gpudesk:"), key != "Name", key))
    return {key[:MAX_TAG_LENGTH]: tags[key][:MAX_TAG_LENGTH] for key in first[:MAX_TAGS]}


def is_gpu_type(type_name: str, catalog: InstanceTypeCatalog) -> bool | None:
    """Return whether a type has a GPU; None: the catalog does not know the type."""
    found = catalog.types.get(type_name)
    return None if found is None else found.gpu is not None


def list_type_patterns(catalog: InstanceTypeCatalog) -> tuple[str, ...]:
    """Return patterns that match the types of all GPU families: those of the catalog, and those that AWS adds.

    EC2's filters accept `*`: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
    """
    families = {item.family for item in catalog.types.values() if item.gpu}
    others = (f"{family}.*" for family in families if not family.startswith(GPU_LETTERS))
    return tuple(sorted([*(f"{letter}*" for letter in GPU_LETTERS), *others]))
