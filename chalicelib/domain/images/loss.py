"""The loss of an image that is being created: its record cannot be read, or does not exist."""

from dataclasses import replace

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts
from chalicelib.domain.instances.record import Instance


def end_wait(instance: Instance) -> Instance:
    """Return the record of an instance that waits for no image, so that it can be terminated."""
    return forget_facts(replace(instance, image_in_progress=None), EventCode.TERMINATE_PENDING)


def describe_loss(instance: Instance, image_id: str, *, is_unreadable: bool) -> EventReason:
    """Return why an instance waits no longer for its image, and what that leaves behind.

    :param is_unreadable: the record exists and cannot be read; otherwise there is none
    """
    name = instance.name
    cause = "gpudesk cannot read the record of the image" if is_unreadable else "the image has no record any more"
    message = (
        f"Image {image_id} of {name} could not be created: {cause}. {name} no longer waits for it. If sessions of kind "
        f"ssh or jupyter do not work, stop {name} and start it again: it creates new secrets. If EC2 shows an AMI or "
        f"snapshots with the tag gpudesk:image={image_id}, AWS bills them, and an admin must delete them."
    )
    return EventReason(code=EventCode.IMAGE_FAILED, message=message)
