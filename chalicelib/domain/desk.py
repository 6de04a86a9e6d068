"""The desk's own settings: its mode, what it gives to those who do not ask, and how far people may go."""

from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.instance import IdlePolicy


class Mode(StrEnum):
    """Whether the desk acts.

    `tell`: what people ask for is done; what the desk itself would do (warn, stop, give up on a deadline) is only
    written to the timeline. `hold`: nothing is changed and nothing launched.
    """

    ACT = "act"
    TELL = "tell"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a request gets that does not say."""

    region: str = "us-east-1"
    recipe: str = "jupyter"
    disk_gib: int = 64
    idle_policy: IdlePolicy = IdlePolicy()
    max_hours: int = 12


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """What nobody may exceed.

    :param keep_hours: a keep reaches at most this far from now
    :param instances_per_owner: living ones, stopped ones included
    :param required_tags: keys that every request's `tags` must have ("project" stands for the field of that name)
    """

    idle_minutes: int = 240
    warning_minutes: int = 60
    max_hours: int = 72
    keep_hours: int = 72
    disk_gib: int = 2048
    gpu_count: int = 16
    instances_per_owner: int = 10
    required_tags: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeskSettings:
    """As `GET /desk` shows them."""

    mode: Mode = Mode.ACT
    defaults: Defaults = field(default_factory=Defaults)
    ceilings: Ceilings = field(default_factory=Ceilings)
    version: int | None = None
