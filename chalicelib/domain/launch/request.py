"""The request to launch an instance, as the caller sent it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.setup.parameters import ParameterValue


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """POST /instances as it was said; None is "as the desk does it"."""

    gpu: str | None = None
    gpu_count: int | None = None
    instance_type: str | None = None
    region: str | None = None
    market: str | None = None
    recipe: str | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    image: str | None = None
    disk_gib: int | None = None
    name: str | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: PolicyOverride = PolicyOverride()
