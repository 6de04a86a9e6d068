"""The request to launch an instance, and what every launch request is completed with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """The body of POST /instances, without `owner`. None: the image, the owner's settings or the desk defaults decide.

    :param image: the id or the name of an image, or "latest"
    :param market: on-demand, spot or spot-or-on-demand; None: on-demand
    :param resume_after_interruption: EC2 may start the spot instance again; None: it may not
    :param metadata_hop_limit: 2 lets containers on the instance use its role; None: 1
    :param max_price: USD per hour that the instance may cost while it runs; None: 1.25 times the first offer
    :param wait_until: the launch waits for capacity until then; None: for `LAUNCH_DEADLINE`
    :param wait_for_quota: wait until the quota suffices if the launch exceeds it
    """

    gpu: str | None = None
    gpu_count: int | None = None
    instance_type: str | None = None
    region: str | None = None
    market: str | None = None
    resume_after_interruption: bool | None = None
    recipe: str | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    image: str | None = None
    disk_gib: int | None = None
    metadata_hop_limit: int | None = None
    max_price: Decimal | None = None
    wait_until: datetime | None = None
    name: str | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    wait_for_quota: bool = False
    policy: PolicyOverride = PolicyOverride()


@dataclass(frozen=True, kw_only=True)
class LaunchContext:
    """The catalog, the recipes and the settings that a launch request is completed and checked with.

    :param owner_policy: replaces the desk defaults; the policy of the request replaces both
    :param deployed_regions: the regions in which gpudesk is set up
    :param now: the time of the request
    :param find_spot_price: returns the lowest known price per hour of a type on spot in a region; None: unknown
    """

    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    settings: DeskSettings
    owner_policy: PolicyOverride
    deployed_regions: tuple[str, ...]
    now: datetime
    find_spot_price: Callable[[str, str], Decimal | None] = lambda _region, _type: None
