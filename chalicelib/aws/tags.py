"""Tags by which gpudesk recognizes its EC2 instances, AMIs and snapshots."""

from collections.abc import Mapping

ID_TAG = "gpudesk:id"
OWNER_TAG = "gpudesk:owner"
STAGE_TAG = "gpudesk:stage"
IMAGE_TAG = "gpudesk:image"
MOVE_TAG = "gpudesk:move"
ADOPT_TAG = "gpudesk:adopt"
"""Set by an admin of the account on what gpudesk may adopt. No role of gpudesk may set it."""


def build_permission_tag(stage: str) -> tuple[str, str]:
    """Return the key and the value of the tag by which an admin of the account allows an adoption."""
    return ADOPT_TAG, stage


def build_instance_tags(
    *, record_id: str, name: str, owner: str, stage: str, more: Mapping[str, str]
) -> dict[str, str]:
    """Return the tags of an instance, its volumes and its network interface.

    :param more: tags of the request; they cannot replace gpudesk's own
    """
    return {**more, "Name": name, ID_TAG: record_id, OWNER_TAG: owner, STAGE_TAG: stage}
