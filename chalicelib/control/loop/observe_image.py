"""Observe an image: read what EC2, SSM and the instance's record show. Only what the phase needs is read."""

from dataclasses import dataclass

from chalicelib.aws.ami import Amis
from chalicelib.aws.ssm import Ssm
from chalicelib.control.loop.read_or_unavailable import read_or_unavailable
from chalicelib.domain.images.plan import ImageObservation
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.observation import NotVisible, ObservedCommand, Unavailable
from chalicelib.store.instances.repository import InstanceRepository

PHASES_WITH_AMI = (ImagePhase.CREATING, ImagePhase.PENDING, ImagePhase.DELETING)
"""Phases in which an AMI may exist."""


@dataclass(frozen=True)
class ImageObserver:
    """Reads from AWS and from the instances table. It changes nothing."""

    instances: InstanceRepository
    amis: Amis
    ssm: Ssm

    def observe(self, image: Image) -> ImageObservation:
        """Return what a decision about this image needs."""
        return ImageObservation(
            ami=read_or_unavailable(self.amis.find, image) if image.phase in PHASES_WITH_AMI else NotVisible(),
            snapshots=read_or_unavailable(self.amis.list_snapshots, image)
            if image.phase is ImagePhase.DELETING
            else (),
            command=self._get_command(image),
            is_instance_running=self._is_instance_running(image) if image.secrets_removed else True,
        )

    def _is_instance_running(self, image: Image) -> bool:
        """Return whether the record says that the instance runs. The sweep reconciles instances before images."""
        instance = self.instances.load(image.source.instance_id)
        machine = instance.ec2_instance if instance else None
        return machine is not None and (machine.instance_id, machine.state) == (
            image.source.ec2_instance_id,
            Ec2State.RUNNING,
        )

    def _get_command(self, image: Image) -> ObservedCommand | NotVisible | Unavailable:
        """Return the command that removes or restores the secrets of the instance."""
        run = None
        if image.phase is ImagePhase.SANITIZING:
            run = image.sanitize.run
        elif image.secrets_removed:
            run = image.sanitize.restore_run
        if run is None or run.command_id is None:
            return NotVisible()
        return read_or_unavailable(self.ssm.get_command, image.region, run.command_id, image.source.ec2_instance_id)
