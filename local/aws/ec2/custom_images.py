"""CreateImage: AMIs of instances, which are pending for a while and have tagged snapshots.

An instance launched from such an AMI starts with a copy of the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_ami_id

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ec2.disks import build_root_mapping
from local.aws.ec2.lifecycle import Lifecycle
from local.machines.host.interface import Machines

NO_TIME = timedelta(0)


class CustomAmi(Ami):
    """moto's AMI with the size, root device and platform of its source instance."""

    def __init__(self, backend: Any, ami_id: str, instance: Any, name: str, description: str) -> None:
        """Create a pending AMI of an instance."""
        source = backend.amis.get(instance.image_id)
        super().__init__(
            backend,
            ami_id,
            instance=instance,
            name=name,
            description=description,
            state="pending",
            root_device_type="ebs",
            root_device_name=source.root_device_name if source else "/dev/sda1",
            region_name=backend.region_name,
            snapshot_description=f"Created by CreateImage({instance.id}) for {ami_id}",
        )
        disks = list(instance.block_device_mapping.values())
        self.snapshot_gib = int(disks[0].size) if disks else 8
        self.ebs_snapshot.volume.size = self.snapshot_gib
        self.ebs_snapshot.status = "pending"

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """Return the mapping of the root volume."""
        return [build_root_mapping(self, is_encrypted=True)]


@dataclass
class PendingAmi:
    """An AMI that is not available yet."""

    ami: Ami
    started_at: datetime
    available_at: datetime


class CustomImages:
    """Extension with CreateImage.

    :param now: returns the cloud's time
    """

    def __init__(
        self, timing: AwsTiming, now: Callable[[], datetime], machines: Machines, lifecycle: Lifecycle
    ) -> None:
        """Start without pending AMIs."""
        self._timing = timing
        self._now = now
        self._machines = machines
        self._lifecycle = lifecycle
        self._pending: dict[str, PendingAmi] = {}

    def patch(self, patches: Patches) -> None:
        """Add CreateImage, and the progress of snapshots."""
        patches.add(EC2Response, "create_image", self._build_create_image())
        patches.add(Snapshot, "progress", property(self._format_progress))  # type: ignore[arg-type]

    def tick(self) -> None:
        """Make the AMIs available that are due by now."""
        now = self._now()
        for snapshot_id, pending in list(self._pending.items()):
            if pending.available_at <= now:
                pending.ami.state = "available"
                pending.ami.ebs_snapshot.status = "completed"
                del self._pending[snapshot_id]

    def tag(self, ami: Ami, specifications: list[dict[str, Any]]) -> None:
        """Tag an AMI and its snapshot as the request says."""
        for specification in specifications:
            target = {"image": ami, "snapshot": ami.ebs_snapshot}[specification["ResourceType"]]
            for tag in specification["Tags"]:
                target.add_tag(tag["Key"], tag["Value"])

    def add_pending(self, ami: Ami) -> None:
        """Make an AMI available after the time that its creation takes."""
        now = self._now()
        self._pending[ami.ebs_snapshot.id] = PendingAmi(ami, now, now + self._timing.image_creation_for)
        self.tick()

    def _build_create_image(self) -> Callable[[Any], ActionResult]:
        def create_image(response: Any) -> ActionResult:
            backend, name = response.ec2_backend, response._get_param("Name")
            instance = backend.get_instance(response._get_param("InstanceId"))
            tracked = self._lifecycle.track(instance)
            if any(ami.name == name and ami.owner_id == backend.account_id for ami in backend.amis.values()):
                raise CloudError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by this account.")
            if tracked.state not in ("running", "stopped"):
                raise CloudError("IncorrectState", f"{instance.id} is {tracked.state}. It must be running or stopped.")
            ami = CustomAmi(backend, random_ami_id(), instance, name, response._get_param("Description", ""))
            self.tag(ami, response._get_param("TagSpecifications", []))
            backend.amis[ami.id] = ami
            self._capture_disk(tracked, ami, no_reboot=bool(response._get_bool_param("NoReboot")))
            self.add_pending(ami)
            return ActionResult({"ImageId": ami.id})

        return create_image

    def _capture_disk(self, tracked: Any, ami: CustomAmi, *, no_reboot: bool) -> None:
        """Copy the disk. With a reboot, it is copied while no process runs."""
        reboots = tracked.state == "running" and not no_reboot
        if tracked.has_disk:
            if reboots:
                self._machines.halt(tracked.instance.id)
            self._machines.capture(tracked.instance.id, ami.id)
            self._lifecycle.custom_image_ids.add(ami.id)
        if reboots:
            self._lifecycle.reboot(tracked)

    def _format_progress(self, snapshot: Any) -> str:
        pending = self._pending.get(snapshot.id)
        if pending is None:
            return "100%"
        duration = pending.available_at - pending.started_at
        return f"{int(100 * ((self._now() - pending.started_at) / duration))}%" if duration > NO_TIME else "100%"
