"""AMIs that people make of their machines: pending for a while, snapshots tagged, a taken name refused.

What a machine has on its disk, its copies begin with.
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
from local.aws.ec2.lifecycle import Lifecycle
from local.machines.host.port import Machines

AT_ONCE = timedelta(0)


class CustomAmi(Ami):
    """moto's AMI with the size, the root device and the platform of the machine that it was made of."""

    def __init__(self, backend: Any, ami_id: str, instance: Any, name: str, description: str) -> None:
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
        ebs = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": self.snapshot_gib,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
            "Encrypted": True,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": ebs}]


@dataclass
class PendingAmi:
    """An AMI that is not there yet."""

    ami: CustomAmi
    began: datetime
    ends: datetime


class CustomImages:
    """CreateImage.

    :param now: the cloud's time
    """

    def __init__(
        self, timing: AwsTiming, now: Callable[[], datetime], machines: Machines, lifecycle: Lifecycle
    ) -> None:
        self._timing = timing
        self._now = now
        self._machines = machines
        self._lifecycle = lifecycle
        self._making: dict[str, PendingAmi] = {}

    def patch(self, patches: Patches) -> None:
        patches.add(EC2Response, "create_image", self._create())
        patches.add(Snapshot, "progress", property(self._progress))  # type: ignore[arg-type]

    def tick(self) -> None:
        """What is due by now is available."""
        now = self._now()
        for snapshot_id, making in list(self._making.items()):
            if making.ends <= now:
                making.ami.state = "available"
                making.ami.ebs_snapshot.status = "completed"
                del self._making[snapshot_id]

    def _create(self) -> Callable[[Any], ActionResult]:
        def create_image(response: Any) -> ActionResult:
            backend, name = response.ec2_backend, response._get_param("Name")
            instance = backend.get_instance(response._get_param("InstanceId"))
            life = self._lifecycle.life_of(instance)
            if any(ami.name == name and ami.owner_id == backend.account_id for ami in backend.amis.values()):
                raise CloudError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by this account")
            if life.state not in ("running", "stopped"):
                raise CloudError("IncorrectState", f"{instance.id} is {life.state}; it must be running or stopped")
            ami = CustomAmi(backend, random_ami_id(), instance, name, response._get_param("Description", ""))
            for specification in response._get_param("TagSpecifications", []):
                target = {"image": ami, "snapshot": ami.ebs_snapshot}[specification["ResourceType"]]
                for tag in specification["Tags"]:
                    target.add_tag(tag["Key"], tag["Value"])
            backend.amis[ami.id] = ami
            self._capture(life, ami, no_reboot=bool(response._get_bool_param("NoReboot")))
            now = self._now()
            self._making[ami.ebs_snapshot.id] = PendingAmi(ami, now, now + self._timing.image_takes)
            self.tick()
            return ActionResult({"ImageId": ami.id})

        return create_image

    def _capture(self, life: Any, ami: CustomAmi, *, no_reboot: bool) -> None:
        """With a reboot the disk is copied while nothing runs."""
        reboots = life.state == "running" and not no_reboot
        if life.has_disk:
            if reboots:
                self._machines.halt(life.instance.id)
            self._machines.capture(life.instance.id, ami.id)
            self._lifecycle.custom_image_ids.add(ami.id)
        if reboots:
            self._lifecycle.reboot(life)

    def _progress(self, snapshot: Any) -> str:
        making = self._making.get(snapshot.id)
        if making is None:
            return "100%"
        whole = making.ends - making.began
        return f"{int(100 * ((self._now() - making.began) / whole))}%" if whole > AT_ONCE else "100%"
