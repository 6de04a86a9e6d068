"""Roles of instances: EC2 gives each instance credentials of the role in its instance profile."""

from collections.abc import Mapping

from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.iam.facts import LocalFacts
from local.aws.sts.role_sessions import AssumedRole, build_role_session, find_role
from local.machines.host.access_keys import build_machine_key


class MachineRoles:
    """The role sessions of instances, by access key. The session name is the id of the instance."""

    def __init__(self, lifecycle: Lifecycle, facts: LocalFacts) -> None:
        """Start without sessions; each is created when its instance first makes a call."""
        self._lifecycle = lifecycle
        self._facts = facts
        self._by_key: dict[str, AssumedRole] = {}

    def find(self, access_key_id: str) -> AssumedRole | None:
        """Return the session of an instance; None: no instance with a role has this key."""
        if access_key_id not in self._by_key or not self._by_key[access_key_id].has_role:
            for instance_id, tracked in self._lifecycle.instances.items():
                if build_machine_key(instance_id) == access_key_id:
                    return self._open(tracked, access_key_id)
            return None
        return self._by_key[access_key_id]

    def _open(self, tracked: TrackedInstance, key: str) -> AssumedRole | None:
        profile = tracked.instance.iam_instance_profile
        role = find_role(self._facts.find_profile_role(_read_name(profile))) if profile else None
        if role is None:
            return None
        self._by_key[key] = build_role_session(role, tracked.instance.id, key=key)
        return self._by_key[key]


def _read_name(profile: Mapping[str, str]) -> str:
    """Return the name of a profile as RunInstances has named it."""
    return profile.get("Name") or profile["Arn"].rpartition("/")[2]
