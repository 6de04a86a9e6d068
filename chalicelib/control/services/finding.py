"""The instance that a request names, for those who may know of it."""

from dataclasses import dataclass

from chalicelib.domain.access.actor import Actor, instance_not_found
from chalicelib.domain.instances.record import Instance
from chalicelib.store.instances.repository import InstanceRepository


@dataclass(frozen=True)
class Finder:
    """By id, or by the name of a living one."""

    instances: InstanceRepository

    def get_visible(self, actor: Actor, ref: str) -> Instance:
        """:raises NotFound: it does not exist, or is somebody else's"""
        instance = self.instances.load(ref)
        if instance is None:
            raise instance_not_found(ref)
        actor.check_access(instance.owner, ref)
        return instance
