"""Adoption of an EC2 instance that gpudesk did not launch: the request, and the decision about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.foreign.managers import find_manager
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2State

MAX_DECIDED = 100
"""Decided adoptions that are kept, the newest ones. The timeline of an adopted instance stays anyway."""


MAX_REQUESTED = 100
"""Open adoptions. The list is one item of DynamoDB, which holds at most 400 KB."""


class AdoptionState(StrEnum):
    """State of an adoption, as far as `tag_adopted_instances` knows it.

    TAGGED: the instance has gpudesk's tags, and the next sweep creates its record.
    """

    REQUESTED = "requested"
    TAGGED = "tagged"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """A request of an admin to bring an EC2 instance under gpudesk.

    :param state_at: when it got its state
    :param message: why it has its state, and what to do, as sentences
    """

    instance_id: str
    region: str
    owner: str
    requested_by: str
    requested_at: datetime
    state: AdoptionState = AdoptionState.REQUESTED
    state_at: datetime
    message: str

    @property
    def record_id(self) -> str:
        """The id of the record that the instance gets: always the same, so that an adoption can be repeated."""
        return f"gd-{self.instance_id.removeprefix('i-')}"

    def to_state(self, state: AdoptionState, message: str, now: datetime) -> "Adoption":
        """Return the adoption in a state."""
        return replace(self, state=state, message=message, state_at=now)


@dataclass(frozen=True, kw_only=True)
class AdoptionList:
    """All adoptions that are kept, the newest first.

    :param version: the version in the database, for guarded writes; None: not stored yet
    """

    adoptions: tuple[Adoption, ...] = ()
    version: int | None = None

    def find(self, instance_id: str) -> Adoption | None:
        """Return the adoption of an EC2 instance; None: there is none."""
        return next((each for each in self.adoptions if each.instance_id == instance_id), None)

    def find_granted(self, instance_id: str) -> Adoption | None:
        """Return the adoption of an EC2 instance that has gpudesk's tags; None: none is recorded, or it was refused.

        The tags may be set a moment before the adoption gets its state.
        """
        found = self.find(instance_id)
        return None if found is None or found.state is AdoptionState.REFUSED else found

    def list_requested(self) -> tuple[Adoption, ...]:
        """Return the adoptions that are not decided yet, the oldest first."""
        return tuple(each for each in reversed(self.adoptions) if each.state is AdoptionState.REQUESTED)

    def put(self, adoption: Adoption) -> "AdoptionList":
        """Return the list with an adoption, which replaces an earlier one of the same instance.

        :raises Conflict: it would be one more than `MAX_REQUESTED`
        """
        requested = self.list_requested()
        is_new = adoption.instance_id not in {each.instance_id for each in requested}
        if adoption.state is AdoptionState.REQUESTED and is_new and len(requested) >= MAX_REQUESTED:
            message = (
                f"{len(requested)} adoptions wait for gpudesk, which decides them once a minute unless it is paused. "
                f"Request that of {adoption.instance_id} again when fewer than {MAX_REQUESTED} wait."
            )
            raise Conflict(message, code=ErrorCode.LIMIT_REACHED)
        others = [each for each in self.adoptions if each.instance_id != adoption.instance_id]
        listed = sorted((adoption, *others), key=lambda each: each.requested_at, reverse=True)
        decided = [each for each in listed if each.state is not AdoptionState.REQUESTED][MAX_DECIDED:]
        return replace(self, adoptions=tuple(each for each in listed if each not in decided))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An instance that is to be adopted, as EC2 shows it.

    :param operator: the service that EC2 names as its manager
    :param market: None: neither on-demand nor spot
    :param has_ebs_root: an instance whose root device is an instance store cannot be stopped
    :param is_stop_protected: EC2 refuses every stop
    :param is_termination_protected: EC2 refuses every termination
    :param ends_at_shutdown: a shutdown from inside terminates it
    :param has_profile: it has an instance profile
    """

    state: Ec2State
    tags: Mapping[str, str]
    operator: str | None = None
    market: Market | None = Market.ON_DEMAND
    has_ebs_root: bool = True
    is_stop_protected: bool = False
    is_termination_protected: bool = False
    ends_at_shutdown: bool = False
    has_profile: bool = False


def find_obstacle(adoption: Adoption, candidate: Candidate | None, tag: tuple[str, str]) -> str | None:
    """Return why gpudesk refuses to adopt an instance, and what to do, as sentences; None: it adopts it.

    :param candidate: None: EC2 does not know the instance
    :param tag: the key and the value of the tag by which an admin of the account allows the adoption
    """
    instance_id, (key, value) = adoption.instance_id, tag
    if candidate is None:
        return f"EC2 has no instance {instance_id} in {adoption.region}. Check the id and the region."
    if candidate.state in ENDED_STATES:
        return f"{instance_id} is {candidate.state}. A terminated instance cannot be adopted."
    if record_id := candidate.tags.get("gpudesk:id"):
        return f"{instance_id} has the tag gpudesk:id={record_id} already: this gpudesk or another one manages it."
    if candidate.tags.get(key) != value:
        return (
            f"{instance_id} does not have the tag {key}={value}. An admin of the AWS account must set it first, on the "
            "instance and on its volumes and network interfaces. Then send the request again."
        )
    if manager := find_manager(candidate.tags, candidate.operator):
        return (
            f"{instance_id} is managed by {manager}, which would replace it after a stop or lose track of it. Use "
            "that service to stop or terminate it."
        )
    if candidate.market is not Market.ON_DEMAND:
        kind = "a spot instance" if candidate.market is Market.SPOT else "part of a reservation of its own"
        return f"{instance_id} is {kind}. gpudesk adopts on-demand instances only."
    if not candidate.has_ebs_root:
        return (
            f"The root device of {instance_id} is an instance store, so EC2 cannot stop it. Copy its data and launch "
            "another instance."
        )
    if candidate.is_stop_protected:
        return (
            f"{instance_id} has stop protection, so gpudesk could not stop it. Turn the protection off "
            "(aws ec2 modify-instance-attribute --no-disable-api-stop), then send the request again."
        )
    return None


def find_conflict(known: Adoption | None, requested: Adoption, tag: tuple[str, str]) -> str | None:
    """Return why an adoption cannot be requested while an earlier one is open, as sentences; None: it can.

    :param known: the last adoption of the instance; None: there is none
    :param tag: the key and the value of the tag by which an admin of the account allows the adoption
    """
    if known is None or known.state is AdoptionState.REFUSED:
        return None
    if (known.region, known.owner) == (requested.region, requested.owner):
        return None
    instance_id = known.instance_id
    earlier = f"The adoption of {instance_id} in {known.region} for {known.owner} was requested before"
    if known.state is AdoptionState.TAGGED:
        return f"{earlier}, and gpudesk has tagged it. Its record appears within minutes: GET /adoptions/{instance_id}."
    return (
        f"{earlier}, and gpudesk has not decided it yet: GET /adoptions/{instance_id} shows the result. To change it, "
        f"remove the tag {tag[0]} from {instance_id}, wait until gpudesk refuses the request, and send this one again."
    )


def describe_limits(candidate: Candidate, untagged: tuple[str, ...]) -> str:
    """Return what does not work with an adopted instance, as sentences.

    :param untagged: volumes and network interfaces that did not get gpudesk's tags
    """
    said = [
        "gpudesk counts its costs, stops and starts it, and applies max_hours.",
        "It has no probe of gpudesk, so gpudesk does not know whether it is idle.",
    ]
    if not candidate.has_profile:
        said.append("It has no instance profile, so sessions, setups, images and before-stop hooks do not work either.")
    if candidate.ends_at_shutdown:
        said.append("A shutdown from inside terminates it. A stop by gpudesk does not.")
    if candidate.is_termination_protected:
        said.append("It has termination protection: gpudesk cannot terminate it until an admin turns that off.")
    if untagged:
        said.append(
            f"Without the adopt tag, these did not get gpudesk's tags: {', '.join(untagged)}. Bills that are grouped "
            "by gpudesk's tags leave them out."
        )
    return " ".join(said)
