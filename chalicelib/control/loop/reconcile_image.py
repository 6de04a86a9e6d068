"""Reconcile images: observe, decide, write, call, record the outcome. The instance changes in the same write."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from chalicelib.aws.ami import Amis
from chalicelib.aws.ssm import Ssm
from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.loop.lost_images import LostImages
from chalicelib.control.loop.observe_image import ImageObserver
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SANITIZE_DEADLINE
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.images import creation, secret_restore
from chalicelib.domain.images.billing import find_ended_segment
from chalicelib.domain.images.loss import end_wait
from chalicelib.domain.images.plan import (
    IMAGE_DOCUMENT,
    AmiCreated,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageDocumentSent,
    ImageObservation,
    ImageOutcome,
    ImagePlan,
    ImageStep,
    SendImageDocument,
)
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image
from chalicelib.domain.instances.outcome import CallAccepted
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.store.conflicts import VersionConflict
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.repositories import Repositories
from chalicelib.store.unreadable_item import UnreadableItem

LOG = logging.getLogger(__name__)

HasTime = Callable[[], bool]

MAX_PASSES = 4
"""Passes in a row, as for instances: one pass can require the next at once."""


@dataclass(frozen=True)
class ImageReconciler:
    """Reconciles the images that need work."""

    stores: Repositories
    observer: ImageObserver
    amis: Amis
    ssm: Ssm
    lost: LostImages
    clock: Clock

    def list_pending(self, mode: Mode, instances: Iterable[Instance] = ()) -> list[str]:
        """Return the ids of the images that need work; none while gpudesk is paused.

        :param instances: also the images that they wait for are listed, with or without a record
        """
        if mode is Mode.PAUSED:
            return []
        awaited = (instance.image_in_progress.id for instance in instances if instance.image_in_progress)
        return list(dict.fromkeys((*self.stores.images.list_pending_ids(), *awaited)))

    def reconcile(self, image_id: str, has_time: HasTime = lambda: True) -> bool:
        """Reconcile one image, while there is time. An error does not affect the others.

        :returns: False if observing it has used up the time, so that the next sweep observes it again
        """
        try:
            return self._reconcile(image_id, has_time)
        except Exception:
            LOG.exception("image %s could not be reconciled; the next sweep tries again", image_id)
            return True

    def reconcile_for_instance(self, instance_id: str) -> None:
        """Reconcile the image that is being created from the instance, unless there is none or gpudesk is paused."""
        instance = self.stores.instances.load(instance_id)
        if instance is None or instance.image_in_progress is None or self._is_paused():
            return
        self._reconcile(instance.image_in_progress.id, lambda: True)

    def _is_paused(self) -> bool:
        return self.stores.desk.get_settings().mode is Mode.PAUSED

    def _reconcile(self, image_id: str, has_time: HasTime) -> bool:
        try:
            for number in range(MAX_PASSES):
                if number and not has_time():
                    break
                image = self.stores.images.load(image_id)
                if image is None:
                    self.lost.handle_missing(image_id)
                if image is None or not image.needs_work:
                    break
                observation = self.observer.observe(image)
                if not has_time():
                    return number > 0
                if not self._run_once(image, observation, has_time):
                    break
        except UnreadableItem as error:
            # An instance that cannot be read is reported by the sweep of the instances.
            if error.item_id != image_id:
                raise
            self.lost.handle_unreadable(error)
        except VersionConflict as conflict:
            LOG.info("%s; left to the next sweep", conflict)
        return True

    def _run_once(self, image: Image, observation: ImageObservation, has_time: HasTime) -> bool:
        """Run one pass for an image.

        :returns: whether to run another pass at once
        """
        plan = creation.decide(image, observation, self.clock.now())
        current = self._execute_plan(image, plan)
        if not has_time():
            return False
        self._execute_plan(current, secret_restore.decide(current, observation, self.clock.now()))
        # A new phase may allow the next step at once. A call changes the phase by its outcome, not by the plan.
        phase_before = plan.image.phase if plan.step else image.phase
        return current.phase is not phase_before

    def _execute_plan(self, image: Image, plan: ImagePlan) -> Image:
        current = self._write(image, plan.image)
        if plan.step is None:
            return current
        outcome = self._execute(current, plan.step)
        return self._write(current, creation.record_outcome(current, plan.step, outcome, self.clock.now()))

    def _execute(self, image: Image, step: ImageStep) -> ImageOutcome:
        """Make the call and return its outcome. An AWS error is an outcome, too."""
        try:
            return self._call(image, step)
        except AwsError as error:
            LOG.info("image %s: %s", image.id, error)
            return error

    def _call(self, image: Image, step: ImageStep) -> ImageOutcome:
        match step:
            case SendImageDocument():
                document = SendDocument(IMAGE_DOCUMENT, step.parameters, step.attempt_id, SANITIZE_DEADLINE)
                return ImageDocumentSent(self.ssm.send_command(image.region, image.source.ec2_instance_id, document))
            case CreateImage():
                return AmiCreated(self.amis.create(image))
            case Deregister(ami_id):
                self.amis.deregister(image.region, ami_id)
            case DeleteSnapshots(snapshots):
                self.amis.delete_snapshots(image.region, snapshots)
            case _ as impossible:
                assert_never(impossible)
        return CallAccepted()

    def _write(self, before: Image, after: Image) -> Image:
        """Write the image if it has changed, together with what changes for its instance.

        :raises VersionConflict: the image or its instance has changed since it was read
        """
        if after == before:
            return before
        is_over = before.phase in IN_PROGRESS_PHASES and after.phase not in IN_PROGRESS_PHASES
        is_restored = after.sanitize.is_restored and not before.sanitize.is_restored
        instance_write = None
        if is_over:
            instance_write = self._build_completion_write(after)
        elif is_restored:
            instance_write = self._build_restored_write(after)
        return self.stores.images.write(after, instance_write, find_ended_segment(before, after, self.clock.now()))

    def _build_restored_write(self, image: Image) -> RecordWrite | None:
        """Return the timeline entry of the instance about its restored secrets."""
        instance, reason = self.stores.instances.load(image.source.instance_id), image.sanitize.restore_reason
        if instance is None or reason is None or not instance.is_active:
            return None
        entry = timeline_entry(self.clock.now(), reason, details={"image": image.id})
        return RecordWrite(before=instance, after=instance, entries=(entry,))

    def _build_completion_write(self, image: Image) -> RecordWrite | None:
        """Return the change that ends the image creation in the record of the instance, with its notifications."""
        instance = self.stores.instances.load(image.source.instance_id)
        if instance is None or instance.image_in_progress is None or instance.image_in_progress.id != image.id:
            return None
        entry = creation.build_completion_entry(image, self.clock.now())
        after = end_wait(instance)
        directory = load_channel_directory(self.stores.desk.get_settings(), self.stores.owners)
        notifications = build_notifications(after, (entry,), directory)
        return RecordWrite(
            before=instance, after=after, entries=(entry,), notifications=notifications, is_user_write=True
        )
