"""Start benchmarks, and compare the retained ones."""

from dataclasses import dataclass

from chalicelib.control.services.instances import InstanceService
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.benchmarks.result import Comparison, compare_benchmarks
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import UnknownGpu, UnknownType
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.instances.commands import start_benchmark
from chalicelib.domain.instances.record import Instance
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class BenchmarkService:
    """POST .../benchmarks and GET /benchmarks."""

    stores: Repositories
    instances: InstanceService
    catalog: InstanceTypeCatalog

    def start(self, actor: Actor, ref: str, *, seconds: int | None) -> Instance:
        """Record the request for a benchmark. The control loop runs it.

        :param seconds: duration of each measurement; None: the default of the benchmark
        :raises Conflict: gpudesk is paused, or the instance is not ready for a benchmark
        """
        self.instances.stores.desk.get_settings().require_not_paused("Benchmarks run again")
        clock = self.instances.clock
        return self.instances.apply(
            actor,
            ref,
            lambda instance: start_benchmark.request_benchmark(instance, self.catalog, seconds, actor, clock.now()),
        )

    def compare(self, *, instance_type: str | None, gpu: str | None) -> list[Comparison]:
        """Compare the newest benchmark of each instance type, of all owners.

        :param instance_type: only this type; None: all
        :param gpu: only types with this GPU; None: all
        :raises ValidationFailed: the catalog has no such type or no such GPU
        """
        type_name, gpus = self._find_type_name(instance_type), self._find_gpus(gpu)
        retained = self.stores.benchmarks.list_retained(type_name, self.instances.clock.now())
        return compare_benchmarks(
            [benchmark for benchmark in retained if gpus is None or benchmark.gpu in gpus], self.catalog
        )

    def _find_type_name(self, name: str | None) -> str | None:
        try:
            return self.catalog.get_type(name).name if name else None
        except UnknownType as error:
            raise build_validation_error([FieldError("instance_type", str(error))], noun="query parameter") from error

    def _find_gpus(self, name: str | None) -> tuple[str, ...] | None:
        try:
            return self.catalog.match_gpus(name) if name else None
        except UnknownGpu as error:
            raise build_validation_error([FieldError("gpu", str(error))], noun="query parameter") from error
