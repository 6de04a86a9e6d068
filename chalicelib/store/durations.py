"""How long the steps of a document took when it last ran on an instance type: for the next estimate, and no more."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pynamodb.attributes import MapAttribute

from chalicelib.domain.setup.results import StepDurations
from chalicelib.store.models import DeskModel


class DurationRepository:
    """Items of the desk table, by type and document; the last writer wins."""

    def record(self, took: StepDurations) -> None:
        """Remember the last run."""
        steps = [{"name": name, "seconds": round(seconds.total_seconds())} for name, seconds in took.steps]
        DeskModel(_key(took.instance_type, took.document), steps=steps).save()

    def get(self, instance_type: str, documents: Iterable[str]) -> Mapping[str, StepDurations]:
        """Those that are known, by the document's name."""
        keys = {_key(instance_type, document): document for document in documents}
        return {
            keys[found.key]: StepDurations(
                keys[found.key], instance_type, tuple(_step(each) for each in found.steps or ())
            )
            for found in DeskModel.batch_get(list(keys))
        }


def _key(instance_type: str, document: str) -> str:
    return f"took#{instance_type}#{document}"


def _step(raw: MapAttribute[str, Any]) -> tuple[str, timedelta]:
    return str(raw["name"]), timedelta(seconds=int(raw["seconds"]))
