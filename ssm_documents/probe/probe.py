"""One beat: look, fold, judge, send, and take the answer in. What fails is logged and tried again at the next."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.evidence import Evidence, Sample, fold_sample
from chalicelib.domain.idle.heartbeat import Acknowledgement, Heartbeat, MissedHeartbeats, SelfStopStatus
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, encode_response
from chalicelib.domain.idle.policy import Thresholds
from chalicelib.domain.idle.self_stop import (
    LocalStatus,
    SelfStopAction,
    SelfStopDecision,
    SelfStopState,
    decide_self_stop,
)
from ssm_documents.probe.announcer import Notifier
from ssm_documents.probe.files import ProbePaths, write_json
from ssm_documents.probe.history import History
from ssm_documents.probe.orders import LastResponse
from ssm_documents.probe.sensors import GuardedSensor, Reading, read_all
from ssm_documents.probe.setup_watch import SetupWatch
from ssm_documents.probe.wishes import KeepRequests

logger = logging.getLogger(__name__)

MISSED_RETENTION = timedelta(hours=1)
"""So long every heartbeat tells of those that did not get through, for somebody who looks later."""

SIGNAL_BY_THRESHOLD = {
    "gpu_percent": "gpu",
    "cpu_core_percent": "cpu",
    "disk_kib_per_second": "disk",
    "network_kib_per_second": "network",
}
"""Whose samples a threshold makes."""


@dataclass(frozen=True)
class Identity:
    """Who beats: EC2's id, the kernel's id of this boot, and whether there are GPUs to watch."""

    instance_id: str
    boot_id: str
    has_gpu: bool = True


class TimeSource(Protocol):
    """Where the time comes from. Raises OSError or ValueError where it is not to be had."""

    def now(self) -> datetime: ...


class HeartbeatSender(Protocol):
    """Where the heartbeat goes. Raises anything."""

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None: ...


@dataclass(frozen=True)
class LocalServices:
    """What belongs to the machine that the probe runs on.

    :param power_off: switches it off; called again at the next beat if it still runs
    """

    paths: ProbePaths
    last_response: LastResponse
    history: History
    setup: SetupWatch
    keep_requests: KeepRequests
    notifier: Notifier
    power_off: Callable[[], None]


class Probe:
    """The evidence so far, kept in memory: a probe that starts anew has seen nothing yet."""

    def __init__(
        self,
        sensors: Sequence[GuardedSensor],
        time: TimeSource,
        desk: HeartbeatSender,
        identity: Identity,
        here: LocalServices,
    ) -> None:
        self._sensors = sensors
        self._time = time
        self._desk = desk
        self._identity = identity
        self._here = here
        self._alone = SelfStopState()
        self._missed: MissedHeartbeats | None = None
        self._missed_until: datetime | None = None
        self._was_setting_up: bool | None = None
        self.evidence: dict[str, Evidence] = {}

    def tick(self) -> bool:
        """Whether the desk heard of it. Without the time nothing is folded: the gap then voids what must be void."""
        orders = self._here.last_response.response
        readings = read_all(self._sensors, orders.policy.thresholds if orders else Thresholds())
        try:
            at = self._time.now()
        except (OSError, ValueError) as error:
            logger.warning("no beat: AWS's time is not to be had: %s", error)
            return False
        self._fold(readings, at)
        is_setting_up = self._here.setup.is_setup_running()
        self._record(readings, at, is_setting_up)
        heartbeat = self._heartbeat(readings, at)
        turn = decide_self_stop(
            self._alone,
            LocalStatus(heartbeat, has_gpu=self._identity.has_gpu, is_setting_up=is_setting_up),
            orders,
            at,
        )
        self._alone = turn.state
        self._here.notifier.handle_self_stop(turn)
        was_heard = self._send(replace(heartbeat, self_stop=_leaving(turn)))
        self._write_status(at)
        if turn.action is SelfStopAction.STOP:
            self._here.power_off()
        return was_heard

    def _fold(self, readings: Mapping[str, Reading], at: datetime) -> None:
        for name, reading in readings.items():
            sample = Sample(at=at, state=reading.state, reason=reading.reason, boot_id=self._identity.boot_id)
            self.evidence[name] = fold_sample(self.evidence.get(name), sample)
            logger.info("%s: %s (%s)", name, reading.state.value, reading.reason)

    def _record(self, readings: Mapping[str, Reading], at: datetime, is_setting_up: bool) -> None:
        """In the history: a window begins with the probe, and anew after each setup."""
        history = self._here.history
        if self._was_setting_up is None:
            history.begin(at, self._identity.boot_id, is_setting_up=is_setting_up)
        if is_setting_up and not self._was_setting_up:
            history.write(at, "setup_started")
        if self._was_setting_up and not is_setting_up:
            history.write(at, "setup_ended")
        self._was_setting_up = is_setting_up
        history.heartbeat(at, readings)

    def _heartbeat(self, readings: Mapping[str, Reading], at: datetime) -> Heartbeat:
        live_counts: Counter[str] = Counter()
        for reading in readings.values():
            live_counts.update(reading.live_counts)
        orders, announcer = self._here.last_response.response, self._here.notifier
        return Heartbeat(
            instance_id=self._identity.instance_id,
            at=at,
            boot_id=self._identity.boot_id,
            signals=dict(self.evidence),
            live_counts=dict(live_counts),
            acknowledged=Acknowledgement(
                keep_until=orders.keep_until if orders else None,
                warning_id=announcer.warning_id,
                terminals=announcer.reached.terminals,
                jupyter_servers=announcer.reached.jupyter_servers,
            ),
            keep_request=self._here.keep_requests.next_request(),
            missed_heartbeats=self._missed,
            setup=self._here.setup.progress(),
        )

    def _send(self, heartbeat: Heartbeat) -> bool:
        try:
            orders = self._desk.send(heartbeat)
        except Exception as error:  # noqa: BLE001  offline, denied, throttled, a bug of boto3: folding goes on
            logger.warning("the heartbeat did not get through: %s: %s", type(error).__name__, error)
            self._miss(heartbeat.at, error)
            return False
        if self._missed_until is None or heartbeat.at >= self._missed_until:
            self._missed = self._missed_until = None
        if orders:
            self._hear(orders, heartbeat.at)
        return True

    def _miss(self, at: datetime, error: Exception) -> None:
        missed = self._missed or MissedHeartbeats(count=0, since=at, reason="")
        self._missed = MissedHeartbeats(count=missed.count + 1, since=missed.since, reason=_why(error))
        self._missed_until = at + MISSED_RETENTION

    def _hear(self, orders: HeartbeatResponse, at: datetime) -> None:
        """The desk's answer. Samples that another threshold made are no evidence under this one."""
        before = self._here.last_response.response
        for name in _changed(before.policy.thresholds if before else Thresholds(), orders.policy.thresholds):
            self.evidence.pop(SIGNAL_BY_THRESHOLD[name], None)
        if orders.keep_until and orders.keep_until > at and (before is None or before.keep_until != orders.keep_until):
            self._here.history.write(at, "keep", until=format_timestamp(orders.keep_until))
        self._here.last_response.store(orders)
        self._here.notifier.handle_desk_warning(orders)
        if orders.keep_result:
            self._here.keep_requests.acknowledge(orders.keep_result)

    def _write_status(self, at: datetime) -> None:
        """For `gpudesk-status`."""
        orders = self._here.last_response.response
        status: dict[str, Any] = {
            "at": format_timestamp(at),
            "signals": {
                name: {"state": each.state.value, "since": format_timestamp(each.since), "reason": each.reason}
                for name, each in self.evidence.items()
            },
            "response": encode_response(orders) if orders else None,
            "self_stop_at": format_timestamp(self._alone.stop_at) if self._alone.stop_at else None,
            "missed": self._missed.count if self._missed else 0,
        }
        try:
            write_json(self._here.paths.status, status)
        except OSError as error:
            logger.warning("the status could not be written: %s", error)


def _leaving(turn: SelfStopDecision) -> SelfStopStatus | None:
    if turn.state.stop_at is None:
        return None
    return SelfStopStatus(stop_at=turn.state.stop_at, stopping_now=turn.action is SelfStopAction.STOP)


def _changed(before: Thresholds, after: Thresholds) -> list[str]:
    return [field.name for field in fields(Thresholds) if getattr(before, field.name) != getattr(after, field.name)]


def _why(error: Exception) -> str:
    """The code that AWS gave, or the kind of failure."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
