"""Transitions of an image: each function returns the record in a new phase, with a reason for people."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period
from chalicelib.domain.images.plan import ObservedAmi
from chalicelib.domain.images.record import Image, ImagePhase


def to_sanitizing(image: Image, now: datetime) -> Image:
    """Record that the secrets are being removed from the disk of the instance."""
    message = f"Removing secrets from the disk of {image.source.instance_name}."
    return _with_phase(image, ImagePhase.SANITIZING, EventReason(code=EventCode.SANITIZING, message=message), now)


def to_creating(image: Image, now: datetime) -> Image:
    """Record that EC2 is called to create the AMI."""
    message = f"Creating an AMI of {image.source.instance_name}."
    return _with_phase(image, ImagePhase.CREATING, EventReason(code=EventCode.CREATING, message=message), now)


def to_deleted(image: Image, now: datetime) -> Image:
    """Record that neither the AMI nor a snapshot exists."""
    message = f"Image {image.name} and its snapshots are deleted."
    return _with_phase(image, ImagePhase.DELETED, EventReason(code=EventCode.DELETED, message=message), now)


def to_pending(image: Image, ami_id: str, now: datetime) -> Image:
    """Record the id of the AMI that EC2 creates."""
    message = f"EC2 is copying the disk of {image.source.instance_name} to {ami_id}."
    reason = EventReason(code=EventCode.PENDING, message=message)
    return replace(_with_phase(image, ImagePhase.PENDING, reason, now), ami=replace(image.ami, id=ami_id))


def to_available(image: Image, ami: ObservedAmi, now: datetime) -> Image:
    """Record that the AMI can be launched, with its size."""
    size_gib = ami.size_gib or image.disk_gib
    message = (
        f"Image {image.name} of {image.source.instance_name} is ready: {ami.ami_id}, {size_gib} GiB. To use it, launch "
        f"with image {image.name}."
    )
    reason = EventReason(code=EventCode.AVAILABLE, message=message)
    available = _with_phase(image, ImagePhase.AVAILABLE, reason, now)
    return replace(available, disk_gib=size_gib, ami=replace(available.ami, progress=100), billed_since=now)


def to_failed(image: Image, cause: str, now: datetime) -> Image:
    """Record that the image could not be created.

    :param cause: a clause or a sentence
    """
    message = (
        f"Image {image.name} of {image.source.instance_name} could not be created: {ensure_period(cause)} Delete the "
        "image to remove what was created of it, then create another one."
    )
    return _with_phase(image, ImagePhase.FAILED, EventReason(code=EventCode.IMAGE_FAILED, message=message), now)


def _with_phase(image: Image, phase: ImagePhase, reason: EventReason, now: datetime) -> Image:
    return replace(image, phase=phase, phase_since=now, reason=reason)
