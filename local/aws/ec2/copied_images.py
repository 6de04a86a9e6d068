"""CopyImage: AMIs that are copied from another region, pending for a while, with encrypted snapshots.

moto's copies are available at once, and have neither the tags of the request nor the disk of their source.
"""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_ami_id

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.custom_images import CustomImages
from local.aws.ec2.disks import build_root_mapping
from local.aws.ec2.lifecycle import Lifecycle


class CopiedAmi(Ami):
    """moto's AMI with the disk of its source."""

    def __init__(self, backend: Any, ami_id: str, source: Any, name: str, description: str) -> None:
        """Create a pending copy of an AMI."""
        super().__init__(
            backend,
            ami_id,
            source_ami=source,
            name=name,
            description=description,
            state="pending",
            root_device_type="ebs",
            root_device_name=source.root_device_name,
            region_name=backend.region_name,
            snapshot_description=f"Copied for DestinationAmi {ami_id} from SourceAmi {source.id}",
        )
        self.snapshot_gib = int(source.snapshot_gib)
        self.ebs_snapshot.volume.size = self.snapshot_gib
        self.ebs_snapshot.status = "pending"
        self.ebs_snapshot.encrypted = True

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """Return the mapping of the root volume."""
        return [build_root_mapping(self, is_encrypted=True)]


class CopiedImages:
    """Extension with CopyImage. A copy takes as long as the creation of an image."""

    def __init__(self, images: CustomImages, lifecycle: Lifecycle) -> None:
        """Start without client tokens."""
        self._images = images
        self._lifecycle = lifecycle
        self._tokens: dict[tuple[str, str, str], str] = {}

    def patch(self, patches: Patches) -> None:
        """Replace moto's CopyImage."""
        patches.add(EC2Response, "copy_image", self._build_copy_image())

    def _build_copy_image(self) -> Callable[[Any], ActionResult]:
        def copy_image(response: Any) -> ActionResult:
            backend, name = response.ec2_backend, response._get_param("Name")
            token = (backend.account_id, backend.region_name, response._get_param("ClientToken") or "")
            if token in self._tokens:
                return ActionResult({"ImageId": self._tokens[token]})
            source = self._find_source(response)
            if any(ami.name == name and ami.owner_id == backend.account_id for ami in backend.amis.values()):
                raise CloudError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by this account.")
            ami = CopiedAmi(backend, random_ami_id(), source, name, response._get_param("Description", ""))
            self._images.tag(ami, response._get_param("TagSpecifications", []))
            backend.amis[ami.id] = ami
            if source.id in self._lifecycle.custom_image_ids:
                self._lifecycle.custom_image_ids.add(ami.id)
                self._lifecycle.image_origins[ami.id] = self._lifecycle.image_origins.get(source.id, source.id)
            self._images.add_pending(ami)
            if token[2]:
                self._tokens[token] = ami.id
            return ActionResult({"ImageId": ami.id})

        return copy_image

    def _find_source(self, response: Any) -> Any:
        """Return the AMI to copy.

        :raises CloudError: InvalidAMIID.NotFound: the region has none with this id; InvalidRequest: it is not available
        """
        image_id, region = response._get_param("SourceImageId"), response._get_param("SourceRegion")
        source = ec2_backends[response.ec2_backend.account_id][region].amis.get(image_id)
        if source is None or not hasattr(source, "snapshot_gib"):
            raise CloudError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        if source.state != "available":
            raise CloudError("InvalidRequest", f"The image {image_id} is {source.state}.")
        return source
