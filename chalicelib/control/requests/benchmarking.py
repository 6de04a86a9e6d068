"""Measuring what GPUs can do, and comparing what was measured."""

from dataclasses import dataclass

from chalicelib.control.requests.changing import Changing
from chalicelib.domain import errands
from chalicelib.domain.actors import Actor
from chalicelib.domain.benchmarks import Comparison, compare
from chalicelib.domain.catalogue import Catalogue, UnknownGpu, UnknownType
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import Conflict, ErrorCode, FieldError, Invalid
from chalicelib.domain.instance import Instance
from chalicelib.store.benchmarks import Benchmarks


@dataclass(frozen=True, kw_only=True)
class Benchmarking:
    """POST .../benchmarks and GET /benchmarks."""

    changing: Changing
    benchmarks: Benchmarks
    catalogue: Catalogue

    def measure(self, actor: Actor, ref: str, *, seconds: int | None) -> Instance:
        """Written down; the loop does it.

        :param seconds: how long each measurement takes
        """
        if self.changing.desk.settings().mode is Mode.PAUSED:
            raise Conflict(
                "gpudesk is paused. Benchmarks run again when an admin sets mode to enforce.",
                code=ErrorCode.DESK_PAUSED,
            )
        clock = self.changing.clock
        return self.changing.change(
            actor, ref, lambda found: errands.measure(found, self.catalogue, seconds, actor, clock.now())
        )

    def compared(self, *, instance_type: str | None, gpu: str | None) -> list[Comparison]:
        """Per instance type the newest measurement, whoever's machine it was made on.

        :raises Invalid: the catalogue has no such type, or no such GPU
        """
        kind, gpus = self._type(instance_type), self._gpus(gpu)
        kept = self.benchmarks.kept(kind, self.changing.clock.now())
        return compare([each for each in kept if gpus is None or each.gpu in gpus], self.catalogue)

    def _type(self, name: str | None) -> str | None:
        try:
            return self.catalogue.type_named(name).name if name else None
        except UnknownType as error:
            raise _unknown("instance_type", error) from error

    def _gpus(self, name: str | None) -> tuple[str, ...] | None:
        try:
            return self.catalogue.gpus_named(name) if name else None
        except UnknownGpu as error:
            raise _unknown("gpu", error) from error


def _unknown(field: str, error: Exception) -> Invalid:
    return Invalid(str(error), errors=(FieldError(field, str(error)),))
