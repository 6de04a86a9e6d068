"""Images in the loop: observe, decide, write, call, note; what changes for the instance is written with it."""

import logging
from dataclasses import dataclass, replace
from typing import assert_never

from chalicelib.aws.images import OwnImages
from chalicelib.aws.ssm import Ssm
from chalicelib.control.address_book import address_book
from chalicelib.domain import image_plan, imaging, unsealing
from chalicelib.domain.clock import Clock
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import CloudError
from chalicelib.domain.image_plan import DOCUMENT, AmiView, ImageOutcome, ImagePlan, ImageSeen, ImageStep
from chalicelib.domain.images import BEING_MADE, Image, ImagePhase
from chalicelib.domain.instance import Ec2State
from chalicelib.domain.lifecycle.rules import entry
from chalicelib.domain.notices import notices_of
from chalicelib.domain.observation import Absent, CommandView, Unobserved
from chalicelib.domain.plan import SendDocument
from chalicelib.domain.timings import SEAL_DEADLINE
from chalicelib.store.desk import DeskStore
from chalicelib.store.images import Images, Told
from chalicelib.store.instances import Instances
from chalicelib.store.owners import Owners
from chalicelib.store.transactions import Stale

LOG = logging.getLogger(__name__)

PASSES = 4
"""As with instances: one look may lead straight to the next."""

AT_EC2 = (ImagePhase.CREATING, ImagePhase.PENDING, ImagePhase.DELETING)
"""Where an AMI may be there."""


@dataclass(frozen=True)
class Gallery:
    """Looks after the images about which something is to be done."""

    images: Images
    instances: Instances
    desk: DeskStore
    owners: Owners
    own: OwnImages
    ssm: Ssm
    clock: Clock

    def look(self) -> int:
        """One round; one image that goes wrong is not the others' problem. On hold nothing is done.

        :returns: how many were looked at
        """
        images = list(self.images.open())
        if not images or self.desk.settings().mode is Mode.PAUSED:
            return 0
        for image in images:
            try:
                self._look_at(image)
            except Stale as stale:
                LOG.info("%s; left to the next look", stale)
            except Exception:
                LOG.exception("image %s could not be looked at; the others go on", image.id)
        return len(images)

    def _look_at(self, image: Image) -> None:
        for _ in range(PASSES):
            fresh = self.images.load(image.id)
            if fresh is None or not fresh.is_open or not self._once(fresh):
                return

    def _once(self, image: Image) -> bool:
        """:returns: whether it is worth looking again at once"""
        seen = self._seen(image)
        plan = imaging.decide(image, seen, self.clock.now())
        current = self._follow(image, plan)
        self._follow(current, unsealing.decide(current, seen, self.clock.now()))
        return current.phase is not (plan.image.phase if plan.step else image.phase)

    def _follow(self, image: Image, plan: ImagePlan) -> Image:
        current = self._write(image, plan.image)
        if plan.step is None:
            return current
        outcome = self._do(current, plan.step)
        return self._write(current, imaging.note(current, plan.step, outcome, self.clock.now()))

    def _seen(self, image: Image) -> ImageSeen:
        """Only what its phase needs is asked for."""
        return ImageSeen(
            ami=self._ami(image) if image.phase in AT_EC2 else Absent(),
            snapshots=self._snapshots(image) if image.phase is ImagePhase.DELETING else (),
            command=self._command(image),
            runs=self._runs(image) if image.is_sealed else True,
        )

    def _runs(self, image: Image) -> bool:
        """As the sweep saw it, a moment ago."""
        instance = self.instances.load(image.instance_id)
        machine = instance.machine if instance else None
        return machine is not None and (machine.instance_id, machine.state) == (image.machine_id, Ec2State.RUNNING)

    def _ami(self, image: Image) -> AmiView | Absent | Unobserved:
        try:
            return self.own.find(image)
        except CloudError as error:
            return Unobserved(str(error))

    def _snapshots(self, image: Image) -> tuple[str, ...] | Unobserved:
        try:
            return self.own.snapshots(image)
        except CloudError as error:
            return Unobserved(str(error))

    def _command(self, image: Image) -> CommandView | Absent | Unobserved:
        run = image.seal if image.phase is ImagePhase.SANITIZING else image.unseal if image.is_sealed else None
        if run is None or run.command_id is None:
            return Absent()
        try:
            return self.ssm.command(image.region, run.command_id, image.machine_id)
        except CloudError as error:
            return Unobserved(str(error))

    def _do(self, image: Image, step: ImageStep) -> ImageOutcome:
        try:
            return self._call(image, step)
        except CloudError as error:
            LOG.info("image %s: %s", image.id, error)
            return error

    def _call(self, image: Image, step: ImageStep) -> ImageOutcome:
        match step:
            case image_plan.SendSeal(parameters, attempt_id):
                document = SendDocument(DOCUMENT, parameters, attempt_id, SEAL_DEADLINE)
                return image_plan.SealSent(self.ssm.send(image.region, image.machine_id, document))
            case image_plan.CreateImage():
                return image_plan.Made(self.own.create(image))
            case image_plan.Deregister(ami_id):
                self.own.deregister(image.region, ami_id)
            case image_plan.DeleteSnapshots(snapshots):
                self.own.delete_snapshots(image.region, snapshots)
            case _ as impossible:
                assert_never(impossible)
        return image_plan.Asked()

    def _write(self, before: Image, after: Image) -> Image:
        """A pass that changes nothing writes nothing. What concerns the instance is written with it.

        :raises Stale: somebody else was faster; nothing was written
        """
        if after == before:
            return before
        ends = before.phase in BEING_MADE and after.phase not in BEING_MADE
        is_unsealed = after.is_unsealed and not before.is_unsealed
        return self.images.write(after, self._told(after) if ends else self._unsealed(after) if is_unsealed else None)

    def _unsealed(self, image: Image) -> Told | None:
        """What became of its secrets, in its timeline."""
        instance, reason = self.instances.load(image.instance_id), image.unseal_reason
        if instance is None or reason is None or not instance.lives:
            return None
        return Told(instance, instance, (entry(self.clock.now(), reason, details={"image": image.id}),))

    def _told(self, image: Image) -> Told | None:
        instance = self.instances.load(image.instance_id)
        if instance is None or instance.imaging != image.id:
            return None
        line = imaging.completion(image, self.clock.now())
        freed = replace(instance, imaging=None, told=None)
        notices = notices_of(freed, (line,), address_book(self.desk.settings(), self.owners))
        return Told(instance, freed, (line,), notices, user_write=True)
