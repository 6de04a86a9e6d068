"""Block device mappings: the root volume of an AMI, completion of those of a launch, and the check of their sizes."""

from typing import Any

from local.aws.core.errors import CloudError


def build_root_mapping(image: Any, *, is_encrypted: bool) -> dict[str, Any]:
    """Return the mapping of an AMI's root volume.

    :param image: moto's AMI, with the attribute `snapshot_gib`
    """
    ebs = {
        "SnapshotId": image.ebs_snapshot.id,
        "VolumeSize": image.snapshot_gib,
        "DeleteOnTermination": True,
        "VolumeType": "gp3",
        "Encrypted": is_encrypted,
    }
    return {"DeviceName": image.root_device_name, "Ebs": ebs}


def complete_disks(image: Any, launch: dict[str, Any]) -> None:
    """Fill in the values that EC2 takes from the AMI: the root volume, its snapshot and its size.

    A mapping of any other device than the AMI's root device adds a disk.

    :param image: moto's AMI
    :param launch: keyword arguments of moto's run_instances; its `block_device_mappings` are changed
    :raises CloudError: InvalidBlockDeviceMapping: the root volume is smaller than its snapshot
    """
    snapshot_gib = getattr(image, "snapshot_gib", None)
    if snapshot_gib is None:
        return
    mappings = launch.setdefault("block_device_mappings", [])
    root = next((mapping for mapping in mappings if mapping["DeviceName"] == image.root_device_name), None)
    if root is None:
        mappings.insert(0, image.block_device_mappings[0])
        return
    ebs = root["Ebs"]
    size = int(ebs.get("VolumeSize") or snapshot_gib)
    snapshot_id = ebs.get("SnapshotId") or image.ebs_snapshot.id
    if size < snapshot_gib:
        raise CloudError(
            "InvalidBlockDeviceMapping",
            f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', expect size >= {snapshot_gib}GB",
        )
    ebs |= {"VolumeSize": size, "SnapshotId": snapshot_id}
