"""One beat: look, fold, send. What fails is logged and tried again at the next."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.evidence import Evidence, Sample, fold
from ssm_documents.probe.sensors import Watched, read_all

logger = logging.getLogger(__name__)


class Time(Protocol):
    """Where the time comes from. Raises OSError or ValueError where it is not to be had."""

    def now(self) -> datetime: ...


class Sends(Protocol):
    """Where the evidence goes. Raises anything."""

    def send(self, at: datetime, signals: Mapping[str, Evidence]) -> None: ...


class Probe:
    """The evidence so far, kept in memory: a probe that starts anew has seen nothing yet."""

    def __init__(self, sensors: Sequence[Watched], time: Time, heartbeat: Sends, boot_id: str) -> None:
        self._sensors = sensors
        self._time = time
        self._heartbeat = heartbeat
        self._boot_id = boot_id
        self.evidence: dict[str, Evidence] = {}

    def beat(self) -> bool:
        """Whether the desk heard of it. Without the time nothing is folded: the gap then voids what must be void."""
        readings = read_all(self._sensors)
        try:
            at = self._time.now()
        except (OSError, ValueError) as error:
            logger.warning("no beat: AWS's time is not to be had: %s", error)
            return False
        for name, reading in readings.items():
            sample = Sample(at=at, state=reading.state, reason=reading.reason, boot_id=self._boot_id)
            self.evidence[name] = fold(self.evidence.get(name), sample)
            logger.info("%s: %s (%s)", name, reading.state.value, reading.reason)
        return self._send(at)

    def _send(self, at: datetime) -> bool:
        try:
            self._heartbeat.send(at, self.evidence)
        except Exception as error:  # noqa: BLE001  offline, denied, throttled, a bug of boto3: folding goes on
            logger.warning("the heartbeat did not get through: %s: %s", type(error).__name__, error)
            return False
        return True
