"""Measuring what GPUs can do, and comparing what was measured."""

from dataclasses import dataclass

from chalicelib.control.services.instances import InstanceService
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.benchmarks.result import Comparison, compare_benchmarks
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog, UnknownGpu, UnknownType
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.instances.commands import start_benchmark
from chalicelib.domain.instances.record import Instance
from chalicelib.store.benchmarks import BenchmarkRepository


@dataclass(frozen=True, kw_only=True)
class BenchmarkService:
    """POST .../benchmarks and GET /benchmarks."""

    instances: InstanceService
    benchmarks: BenchmarkRepository
    catalog: InstanceTypeCatalog

    def start(self, actor: Actor, ref: str, *, seconds: int | None) -> Instance:
        """Written down; the loop does it.

        :param seconds: how long each measurement takes
        """
        self.instances.desk.settings().require_not_paused("Benchmarks run again")
        clock = self.instances.clock
        return self.instances.apply(
            actor, ref, lambda found: start_benchmark.start_benchmark(found, self.catalog, seconds, actor, clock.now())
        )

    def compare(self, *, instance_type: str | None, gpu: str | None) -> list[Comparison]:
        """Per instance type the newest measurement, whoever's machine it was made on.

        :raises Invalid: the catalogue has no such type, or no such GPU
        """
        kind, gpus = self._type(instance_type), self._gpus(gpu)
        kept = self.benchmarks.list_retained(kind, self.instances.clock.now())
        return compare_benchmarks([each for each in kept if gpus is None or each.gpu in gpus], self.catalog)

    def _type(self, name: str | None) -> str | None:
        try:
            return self.catalog.get_type(name).name if name else None
        except UnknownType as error:
            raise _unknown("instance_type", error) from error

    def _gpus(self, name: str | None) -> tuple[str, ...] | None:
        try:
            return self.catalog.match_gpus(name) if name else None
        except UnknownGpu as error:
            raise _unknown("gpu", error) from error


def _unknown(field: str, error: Exception) -> ValidationFailed:
    return ValidationFailed(str(error), errors=(FieldError(field, str(error)),))
