"""The instance that a request names, for those who may know of it."""

from dataclasses import dataclass

from chalicelib.domain.actors import Actor, no_such
from chalicelib.domain.instance import Instance
from chalicelib.store.instances import Instances


@dataclass(frozen=True)
class Finder:
    """By id, or by the name of a living one."""

    instances: Instances

    def find(self, actor: Actor, ref: str) -> Instance:
        """:raises NotFound: it does not exist, or is somebody else's"""
        instance = self.instances.load(ref)
        if instance is None:
            raise no_such(ref)
        return actor.may_see(instance, ref)
