"""The log of decisions: one line of JSON for each change that was written, for the log of the function.

`json.dumps` escapes control characters, so a text from an instance cannot start a line of its own.
"""

import json
import logging
from collections.abc import Iterable

from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.record import Instance

LOG = logging.getLogger(__name__)


def log_instance_changes(instance: Instance, entries: Iterable[TimelineEntry]) -> None:
    """Log the timeline entries of a change of an instance that was written."""
    ec2_instance_id = instance.ec2_instance.instance_id if instance.ec2_instance else None
    facts = {"name": instance.name, "owner": instance.owner, "phase": str(instance.phase), "ec2": ec2_instance_id}
    log_changes(instance.id, entries, **facts)


def log_changes(subject_id: str, entries: Iterable[TimelineEntry], **facts: str | None) -> None:
    """Log the timeline entries of a change that was written.

    :param subject_id: the id of the instance, or DESK_ID
    :param facts: what helps to find the line
    """
    for entry in entries:
        _log(
            {
                "at": format_timestamp(entry.at),
                "id": subject_id,
                **facts,
                "actor": entry.actor,
                "code": str(entry.code),
                "message": entry.message,
                "details": dict(entry.details),
            }
        )


def log_image_change(image: Image) -> None:
    """Log a change of an image that was written."""
    _log(
        {
            "id": image.id,
            "name": image.name,
            "owner": image.owner,
            "phase": str(image.phase),
            "code": str(image.reason.code),
            "message": image.reason.message,
        }
    )


def log_owner_change(owner: str, actor: str, fields: Iterable[str]) -> None:
    """Log a change of the settings of an owner that was written, without its values, which can be addresses."""
    _log({"id": f"owner/{owner}", "owner": owner, "actor": actor, "code": "owner_changed", "fields": sorted(fields)})


def _log(facts: dict[str, object]) -> None:
    LOG.info("%s", json.dumps({"event": "decision", **facts}))
