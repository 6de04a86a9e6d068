"""Extension that gives resources of EC2 and SSM a creation time on the cloud's clock. moto takes the computer's."""

from collections.abc import Callable
from datetime import datetime
from types import ModuleType

from moto.ec2.models import amis, elastic_block_store, instances, key_pairs, launch_templates, vpcs
from moto.ssm import models as ssm_models

from local.aws.core.patches import Patches

MODULES: tuple[ModuleType, ...] = (
    amis,
    elastic_block_store,
    instances,
    key_pairs,
    launch_templates,
    vpcs,
    ssm_models,
)
"""Modules that take the time of a volume, snapshot, AMI, interface, document and so on by moto's `utcnow`."""


class CreationTimes:
    """Extension of moto's clock.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Store the clock."""
        self._now = now

    def patch(self, patches: Patches) -> None:
        """Replace the clock of each module."""
        for module in MODULES:
            patches.wrap(module, "utcnow", lambda _: self._get_naive_now)

    def _get_naive_now(self) -> datetime:
        """Return the time without its zone, as moto's `utcnow` does."""
        return self._now().replace(tzinfo=None)
