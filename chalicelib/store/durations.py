"""Durations of a document's steps in its last run on an instance type, for estimates; items of the desk table."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pynamodb.attributes import MapAttribute

from chalicelib.domain.setup.results import StepDurations
from chalicelib.store.desk import DeskModel


class DurationRepository:
    """One item for each instance type and document; the last writer wins."""

    def record(self, durations: StepDurations) -> None:
        """Replace the durations of the document's earlier run."""
        steps = [{"name": name, "seconds": round(duration.total_seconds())} for name, duration in durations.steps]
        DeskModel(_build_key(durations.instance_type, durations.document), steps=steps).save()

    def get(self, instance_type: str, documents: Iterable[str]) -> Mapping[str, StepDurations]:
        """Return the durations that are known, by the document's name."""
        documents_by_key = {_build_key(instance_type, document): document for document in documents}
        durations = {}
        for item in DeskModel.batch_get(list(documents_by_key)):
            document = documents_by_key[item.key]
            durations[document] = StepDurations(document, instance_type, tuple(map(_to_step, item.steps or ())))
        return durations


def _build_key(instance_type: str, document: str) -> str:
    return f"took#{instance_type}#{document}"


def _to_step(raw: MapAttribute[str, Any]) -> tuple[str, timedelta]:
    return str(raw["name"]), timedelta(seconds=int(raw["seconds"]))
