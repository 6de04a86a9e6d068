"""One beat: look, fold, send. What fails is logged and tried again at the next."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.activity.evidence import Evidence, Sample, fold
from chalicelib.domain.activity.heartbeat import Heartbeat
from chalicelib.domain.activity.orders import Orders
from ssm_documents.probe.sensors import Watched, read_all

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Who beats: EC2's id, and the kernel's id of this boot."""

    instance_id: str
    boot_id: str


class Time(Protocol):
    """Where the time comes from. Raises OSError or ValueError where it is not to be had."""

    def now(self) -> datetime: ...


class Sends(Protocol):
    """Where the heartbeat goes. Raises anything."""

    def send(self, beat: Heartbeat) -> Orders | None: ...


class Probe:
    """The evidence so far, kept in memory: a probe that starts anew has seen nothing yet."""

    def __init__(self, sensors: Sequence[Watched], time: Time, desk: Sends, identity: Identity) -> None:
        self._sensors = sensors
        self._time = time
        self._desk = desk
        self._identity = identity
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
            sample = Sample(at=at, state=reading.state, reason=reading.reason, boot_id=self._identity.boot_id)
            self.evidence[name] = fold(self.evidence.get(name), sample)
            logger.info("%s: %s (%s)", name, reading.state.value, reading.reason)
        return self._send(at)

    def _send(self, at: datetime) -> bool:
        beat = Heartbeat(
            instance_id=self._identity.instance_id,
            at=at,
            boot_id=self._identity.boot_id,
            signals=dict(self.evidence),
        )
        try:
            self._desk.send(beat)
        except Exception as error:  # noqa: BLE001  offline, denied, throttled, a bug of boto3: folding goes on
            logger.warning("the heartbeat did not get through: %s: %s", type(error).__name__, error)
            return False
        return True
