"""Images in the loop: observe, decide, write, call, note; what changes for the instance is written with it."""

import logging
from dataclasses import dataclass, replace
from typing import assert_never

from chalicelib.aws.ami import Amis
from chalicelib.aws.ssm import Ssm
from chalicelib.control.loop.address_book import load_channel_directory
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SANITIZE_DEADLINE
from chalicelib.domain.common.errors import AwsError
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.images import creation, secret_restore
from chalicelib.domain.images.plan import (
    IMAGE_DOCUMENT,
    AmiCreated,
    Asked,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageObservation,
    ImageOutcome,
    ImagePlan,
    ImageStep,
    ObservedAmi,
    SanitizeCommandSent,
    SendSanitize,
)
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image, ImagePhase
from chalicelib.domain.instances.observation import NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.instances.record import Ec2State
from chalicelib.domain.notifications.notification import notifications_for
from chalicelib.store.desk import DeskRepository
from chalicelib.store.dynamo import VersionConflict
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.owners import OwnerRepository

LOG = logging.getLogger(__name__)

PASSES = 4
"""As with instances: one look may lead straight to the next."""

PHASES_WITH_AMI = (ImagePhase.CREATING, ImagePhase.PENDING, ImagePhase.DELETING)
"""Where an AMI may be there."""


@dataclass(frozen=True)
class ImageReconciler:
    """Looks after the images about which something is to be done."""

    images: ImageRepository
    instances: InstanceRepository
    desk: DeskRepository
    owners: OwnerRepository
    amis: Amis
    ssm: Ssm
    clock: Clock

    def run(self) -> int:
        """One round; one image that goes wrong is not the others' problem. On hold nothing is done.

        :returns: how many were looked at
        """
        images = list(self.images.list_pending())
        if not images or self.desk.settings().mode is Mode.PAUSED:
            return 0
        for image in images:
            try:
                self._look_at(image.id)
            except VersionConflict as stale:
                LOG.info("%s; left to the next look", stale)
            except Exception:
                LOG.exception("image %s could not be looked at; the others go on", image.id)
        return len(images)

    def reconcile_for_instance(self, instance_id: str) -> None:
        """Reconcile the image that is being created from the instance, unless there is none or gpudesk is paused."""
        instance = self.instances.load(instance_id)
        if instance is None or instance.image_in_progress is None or self.desk.settings().mode is Mode.PAUSED:
            return
        try:
            self._look_at(instance.image_in_progress.id)
        except VersionConflict as stale:
            LOG.info("%s; left to the next look", stale)

    def _look_at(self, image_id: str) -> None:
        for _ in range(PASSES):
            fresh = self.images.load(image_id)
            if fresh is None or not fresh.needs_work or not self._once(fresh):
                return

    def _once(self, image: Image) -> bool:
        """:returns: whether it is worth looking again at once"""
        observation = self._seen(image)
        plan = creation.decide(image, observation, self.clock.now())
        current = self._follow(image, plan)
        self._follow(current, secret_restore.decide(current, observation, self.clock.now()))
        return current.phase is not (plan.image.phase if plan.step else image.phase)

    def _follow(self, image: Image, plan: ImagePlan) -> Image:
        current = self._write(image, plan.image)
        if plan.step is None:
            return current
        outcome = self._do(current, plan.step)
        return self._write(current, creation.record_outcome(current, plan.step, outcome, self.clock.now()))

    def _seen(self, image: Image) -> ImageObservation:
        """Only what its phase needs is asked for."""
        return ImageObservation(
            ami=self._ami(image) if image.phase in PHASES_WITH_AMI else NotVisible(),
            snapshots=self._snapshots(image) if image.phase is ImagePhase.DELETING else (),
            command=self._command(image),
            instance_running=self._runs(image) if image.secrets_removed else True,
        )

    def _runs(self, image: Image) -> bool:
        """As the sweep saw it, a moment ago."""
        instance = self.instances.load(image.source.instance_id)
        machine = instance.machine if instance else None
        return machine is not None and (machine.instance_id, machine.state) == (
            image.source.ec2_instance_id,
            Ec2State.RUNNING,
        )

    def _ami(self, image: Image) -> ObservedAmi | NotVisible | Unavailable:
        try:
            return self.amis.find(image)
        except AwsError as error:
            return Unavailable(str(error))

    def _snapshots(self, image: Image) -> tuple[str, ...] | Unavailable:
        try:
            return self.amis.snapshots(image)
        except AwsError as error:
            return Unavailable(str(error))

    def _command(self, image: Image) -> ObservedCommand | NotVisible | Unavailable:
        run = (
            image.sanitize.run
            if image.phase is ImagePhase.SANITIZING
            else image.sanitize.restore_run
            if image.secrets_removed
            else None
        )
        if run is None or run.command_id is None:
            return NotVisible()
        try:
            return self.ssm.get_command(image.region, run.command_id, image.source.ec2_instance_id)
        except AwsError as error:
            return Unavailable(str(error))

    def _do(self, image: Image, step: ImageStep) -> ImageOutcome:
        try:
            return self._call(image, step)
        except AwsError as error:
            LOG.info("image %s: %s", image.id, error)
            return error

    def _call(self, image: Image, step: ImageStep) -> ImageOutcome:
        match step:
            case SendSanitize(parameters, attempt_id):
                document = SendDocument(IMAGE_DOCUMENT, parameters, attempt_id, SANITIZE_DEADLINE)
                return SanitizeCommandSent(self.ssm.send_command(image.region, image.source.ec2_instance_id, document))
            case CreateImage():
                return AmiCreated(self.amis.create(image))
            case Deregister(ami_id):
                self.amis.deregister(image.region, ami_id)
            case DeleteSnapshots(snapshots):
                self.amis.delete_snapshots(image.region, snapshots)
            case _ as impossible:
                assert_never(impossible)
        return Asked()

    def _write(self, before: Image, after: Image) -> Image:
        """A pass that changes nothing writes nothing. What concerns the instance is written with it.

        :raises Stale: somebody else was faster; nothing was written
        """
        if after == before:
            return before
        ends = before.phase in IN_PROGRESS_PHASES and after.phase not in IN_PROGRESS_PHASES
        is_unsealed = after.sanitize.is_restored and not before.sanitize.is_restored
        return self.images.write(
            after, self._completion_update(after) if ends else self._restored_update(after) if is_unsealed else None
        )

    def _restored_update(self, image: Image) -> RecordWrite | None:
        """What became of its secrets, in its timeline."""
        instance, reason = self.instances.load(image.source.instance_id), image.sanitize.restore_reason
        if instance is None or reason is None or not instance.is_active:
            return None
        entry = timeline_entry(self.clock.now(), reason, details={"image": image.id})
        return RecordWrite(before=instance, after=instance, entries=(entry,))

    def _completion_update(self, image: Image) -> RecordWrite | None:
        instance = self.instances.load(image.source.instance_id)
        if instance is None or instance.image_in_progress is None or instance.image_in_progress.id != image.id:
            return None
        line = creation.completion(image, self.clock.now())
        freed = replace(instance, image_in_progress=None, notified=None)
        notices = notifications_for(freed, (line,), load_channel_directory(self.desk.settings(), self.owners))
        return RecordWrite(before=instance, after=freed, entries=(line,), notifications=notices, user_write=True)
