"""Make the calls of a move, and observe what they have created. Nothing is decided here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.move_images import MoveImages
from chalicelib.domain.common.aws_errors import AwsError, AwsNotFound
from chalicelib.domain.instances.lifecycle.plans import require_ec2_instance
from chalicelib.domain.instances.move_state import MoveState, MoveStep
from chalicelib.domain.instances.observation import MoveObservation, Unavailable
from chalicelib.domain.instances.plan import MoveCall
from chalicelib.domain.instances.record import Instance

T = TypeVar("T")


@dataclass(frozen=True)
class Mover:
    """Temporary images, and the obsolete EC2 instances of moves."""

    images: MoveImages
    ec2: Ec2

    def observe(self, move: MoveState) -> MoveObservation:
        """Return what a decision about the move needs. Only what its step needs is read."""
        match move.step:
            case MoveStep.IMAGE:
                return MoveObservation(image=_try(lambda: self.images.find(move.source_region, move.id)))
            case MoveStep.COPY:
                return MoveObservation(image=_try(lambda: self.images.find(move.target.region, move.id)))
            case MoveStep.LAUNCH:
                return MoveObservation()
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
            case MoveCall.TERMINATE:
                self._terminate(move)
            case MoveCall.DELETE_IMAGES:
                for region in move.regions:
                    self.images.delete(region, move.id)
            case _ as impossible:
                assert_never(impossible)

    def _terminate(self, move: MoveState) -> None:
        obsolete = move.obsolete
        if obsolete is None:
            return
        try:
            self.ec2.terminate(obsolete.region, obsolete.instance_id)
        except AwsNotFound:
            return

    def _observe_leftovers(self, move: MoveState) -> MoveObservation:
        obsolete = move.obsolete
        if obsolete:
            return MoveObservation(
                obsolete_state=_try(lambda: self.ec2.get_state(obsolete.region, obsolete.instance_id))
            )
        return MoveObservation(
            leftover_count=_try(lambda: sum(self.images.count(region, move.id) for region in move.regions))
        )


def _try(read: Callable[[], T]) -> T | Unavailable:
    """Return what is read, or that AWS does not show it."""
    try:
        return read()
    except AwsError as error:
        return Unavailable(str(error))
