"""Images in the loop: observe, decide, write, call, note; what changes for the instance is written with it."""

import logging
from dataclasses import dataclass, replace
from typing import assert_never

from chalicelib.aws.images import OwnImages
from chalicelib.aws.ssm import Ssm
from chalicelib.control.address_book import address_book
from chalicelib.domain import imaging
from chalicelib.domain.clock import Clock
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import CloudError
from chalicelib.domain.images import BEING_MADE, Image, ImagePhase
from chalicelib.domain.imaging import DOCUMENT, ImageOutcome, ImageSeen, ImageStep
from chalicelib.domain.lifecycle.rules import because, entry
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
        if not images or self.desk.settings().mode is Mode.HOLD:
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
        plan = imaging.decide(image, self._seen(image), self.clock.now())
        current = self._write(image, plan.image)
        if plan.step is None:
            return current.phase is not image.phase
        outcome = self._do(current, plan.step)
        noted = self._write(current, imaging.note(current, plan.step, outcome, self.clock.now()))
        return noted.phase not in (image.phase, current.phase)

    def _seen(self, image: Image) -> ImageSeen:
        """Only what its phase needs is asked for."""
        match image.phase:
            case ImagePhase.SEALING:
                return ImageSeen(ami=Absent(), seal=self._command(image))
            case ImagePhase.CREATING | ImagePhase.PENDING:
                return ImageSeen(ami=self._ami(image))
            case ImagePhase.DELETING:
                return ImageSeen(ami=self._ami(image), snapshots=self._snapshots(image))
            case _:
                return ImageSeen(ami=Absent())

    def _ami(self, image: Image) -> imaging.AmiView | Absent | Unobserved:
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
        if image.seal is None or image.seal.command_id is None:
            return Absent()
        try:
            return self.ssm.command(image.region, image.seal.command_id, image.machine_id)
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
            case imaging.SendSeal(parameters, attempt_id):
                document = SendDocument(DOCUMENT, parameters, attempt_id, SEAL_DEADLINE)
                return imaging.SealSent(self.ssm.send(image.region, image.machine_id, document))
            case imaging.CreateImage():
                return imaging.Made(self.own.create(image))
            case imaging.Deregister(ami_id):
                self.own.deregister(image.region, ami_id)
            case imaging.DeleteSnapshots(snapshots):
                self.own.delete_snapshots(image.region, snapshots)
            case _ as impossible:
                assert_never(impossible)
        return imaging.Asked()

    def _write(self, before: Image, after: Image) -> Image:
        """A pass that changes nothing writes nothing. The instance is freed with the write that ends the making.

        :raises Stale: somebody else was faster; nothing was written
        """
        if after == before:
            return before
        ends = before.phase in BEING_MADE and after.phase not in BEING_MADE
        return self.images.write(after, self._told(after) if ends else None)

    def _told(self, image: Image) -> Told | None:
        instance = self.instances.load(image.instance_id)
        if instance is None or instance.imaging != image.id:
            return None
        code = "image_available" if image.phase is ImagePhase.AVAILABLE else image.reason.code
        line = entry(self.clock.now(), because(code, image.reason.sentence), details={"image": image.id})
        freed = replace(instance, imaging=None, told=None)
        notices = notices_of(freed, (line,), address_book(self.desk.settings(), self.owners))
        return Told(instance, freed, (line,), notices, wake=True)
