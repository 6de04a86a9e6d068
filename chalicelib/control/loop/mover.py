"""Make the calls of a move, and observe what they have created. Nothing is decided here."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.move_images import MoveImages
from chalicelib.aws.spot_requests import SpotRequests
from chalicelib.control.loop.read_or_unavailable import read_or_unavailable
from chalicelib.domain.common.aws_errors import AwsNotFound
from chalicelib.domain.instances.lifecycle.plans import require_ec2_instance
from chalicelib.domain.instances.move_state import MoveState, MoveStep, ObsoleteInstance
from chalicelib.domain.instances.observation import MoveObservation, NotVisible
from chalicelib.domain.instances.plan import MoveCall
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import ObservedSpotRequest, SpotRequestKey


@dataclass(frozen=True)
class Mover:
    """Temporary images, and the obsolete EC2 instances of moves with their spot requests."""

    images: MoveImages
    ec2: Ec2
    spot_requests: SpotRequests

    def observe(self, move: MoveState) -> MoveObservation:
        """Return what a decision about the move needs. Only what its step needs is read."""
        match move.step:
            case MoveStep.IMAGE:
                return MoveObservation(image=read_or_unavailable(self.images.find, move.source_region, move.id))
            case MoveStep.COPY:
                return MoveObservation(image=read_or_unavailable(self.images.find, move.target.region, move.id))
            case MoveStep.LAUNCH:
                return self._observe_former(move)
            case MoveStep.CLEAN_UP:
                return self._observe_leftovers(move)

    def call(self, instance: Instance, call: MoveCall) -> None:
        """Make a call of the move of an instance.

        :raises AwsError: AWS did not accept it
        """
        move = instance.move
        if move is None:
            raise ValueError(f"{instance.id} does not move")
        match call:
            case MoveCall.CREATE_IMAGE:
                self.images.create(move.source_region, require_ec2_instance(instance).instance_id, move.id)
            case MoveCall.COPY_IMAGE:
                self.images.copy(move.source_region, move.image_id or "", move.target.region, move.id)
            case MoveCall.CANCEL_REQUEST:
                self._cancel_request(move)
            case MoveCall.TERMINATE:
                self._terminate(move)
            case MoveCall.DELETE_IMAGES:
                for region in move.regions:
                    self.images.delete(region, move.id)
            case _ as impossible:
                assert_never(impossible)

    def _cancel_request(self, move: MoveState) -> None:
        obsolete = move.obsolete
        if obsolete and obsolete.spot_instance_request_id:
            self.spot_requests.cancel(obsolete.region, [obsolete.spot_instance_request_id])

    def _terminate(self, move: MoveState) -> None:
        obsolete = move.obsolete
        if obsolete is None:
            return
        try:
            self.ec2.terminate(obsolete.region, obsolete.instance_id)
        except AwsNotFound:
            return

    def _observe_former(self, move: MoveState) -> MoveObservation:
        former = move.former
        if former is None:
            return MoveObservation()
        state = read_or_unavailable(self.ec2.get_state, former.region, former.ec2_instance.instance_id)
        return MoveObservation(former_state=state)

    def _observe_leftovers(self, move: MoveState) -> MoveObservation:
        obsolete = move.obsolete
        if obsolete:
            return MoveObservation(
                obsolete_state=read_or_unavailable(self.ec2.get_state, obsolete.region, obsolete.instance_id),
                obsolete_launched_at=read_or_unavailable(self._find_last_start, obsolete),
                obsolete_request=read_or_unavailable(self._find_request, obsolete),
            )
        return MoveObservation(leftover_count=read_or_unavailable(self._count_images, move))

    def _find_last_start(self, obsolete: ObsoleteInstance) -> datetime | None:
        """Return the last start of a former EC2 instance; None: it is none, or EC2 does not know it."""
        if obsolete.stopped_after is None:
            return None
        return self.ec2.get_launched_at(obsolete.region, obsolete.instance_id)

    def _find_request(self, obsolete: ObsoleteInstance) -> ObservedSpotRequest | NotVisible:
        request = SpotRequestKey(
            region=obsolete.region,
            instance_id=obsolete.instance_id,
            request_id=obsolete.spot_instance_request_id,
        )
        found = self.spot_requests.find(request, "") if request.request_id else None
        return found or NotVisible()

    def _count_images(self, move: MoveState) -> int:
        return sum(self.images.count(region, move.id) for region in move.regions)
