"""The probe: reads all sensors once a minute, sends a heartbeat and applies gpudesk's response.

An error is logged, and the next heartbeat tries again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta

from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.evidence import Evidence, Sample, fold_sample
from chalicelib.domain.idle.heartbeat import Acknowledgement, Heartbeat, MissedHeartbeats, SelfStopStatus
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import Thresholds
from chalicelib.domain.idle.self_stop import (
    LocalStatus,
    SelfStopAction,
    SelfStopDecision,
    SelfStopState,
    decide_self_stop,
)
from ssm_documents.probe.parts import HeartbeatIdentity, HeartbeatSender, LocalServices, TimeSource
from ssm_documents.probe.sensors import GuardedSensor, Reading, read_all
from ssm_documents.probe.status_file import write_status

logger = logging.getLogger(__name__)

MISSED_RETENTION = timedelta(hours=1)
"""How long heartbeats report that others were missed before, so that people who look later know it."""

SIGNAL_BY_THRESHOLD = {
    "gpu_percent": "gpu",
    "cpu_core_percent": "cpu",
    "disk_kib_per_second": "disk",
    "network_kib_per_second": "network",
}
"""The signal whose samples depend on a threshold."""


class Probe:
    """The probe with its evidence. The evidence is in memory only, so a restarted probe starts without any."""

    def __init__(
        self,
        sensors: Sequence[GuardedSensor],
        time: TimeSource,
        sender: HeartbeatSender,
        identity: HeartbeatIdentity,
        services: LocalServices,
    ) -> None:
        self._sensors = sensors
        self._time = time
        self._sender = sender
        self._identity = identity
        self._services = services
        self._self_stop = SelfStopState()
        self._missed: MissedHeartbeats | None = None
        self._report_missed_until: datetime | None = None
        self._was_setting_up: bool | None = None
        self._hook_stop_at: datetime | None = None
        self.evidence: dict[str, Evidence] = {}

    def tick(self) -> bool:
        """Read the sensors and send one heartbeat.

        If the time is unknown, nothing is recorded. After a long gap the old evidence no longer counts.

        :returns: whether the heartbeat was written
        """
        response = self._services.last_response.response
        readings = read_all(self._sensors, response.policy.thresholds if response else Thresholds())
        try:
            at = self._time.now()
        except (OSError, ValueError) as error:
            logger.warning("No heartbeat, because the time of AWS is unknown: %s", error)
            return False
        self._fold_readings(readings, at)
        is_setting_up = self._services.setup.is_setup_running()
        self._record_history(readings, at, is_setting_up)
        heartbeat = self._build_heartbeat(readings, at)
        status = LocalStatus(heartbeat, is_setting_up=is_setting_up)
        decision = decide_self_stop(self._self_stop, status, response, at)
        self._self_stop = decision.state
        self._services.notifier.handle_self_stop(decision)
        heartbeat = replace(heartbeat, self_stop=_to_self_stop_status(decision))
        is_sent = self._send(heartbeat)
        current = replace(heartbeat, signals=self.evidence, missed_heartbeats=self._missed)
        write_status(self._services.paths.status, current, self._services.last_response.response)
        if decision.action is SelfStopAction.STOP:
            self._stop()
        return is_sent

    def _stop(self) -> None:
        """Run the hook, then power off. If the instance still runs at the next heartbeat, only power off."""
        response, stop_at = self._services.last_response.response, self._self_stop.stop_at
        if response and response.before_stop_hook and stop_at != self._hook_stop_at:
            self._hook_stop_at = stop_at
            self._services.run_hook(response.before_stop_hook)
        self._services.power_off()

    def _fold_readings(self, readings: Mapping[str, Reading], at: datetime) -> None:
        for name, reading in readings.items():
            sample = Sample(at=at, state=reading.state, reason=reading.reason, boot_id=self._identity.boot_id)
            self.evidence[name] = fold_sample(self.evidence.get(name), sample)
            logger.info("%s: %s (%s)", name, reading.state.value, reading.reason)

    def _record_history(self, readings: Mapping[str, Reading], at: datetime, is_setting_up: bool) -> None:
        """Write to the history. The idle window starts with the probe, and again after each setup."""
        history = self._services.history
        if self._was_setting_up is None:
            history.start_window(at, self._identity.boot_id, is_setting_up=is_setting_up)
        if is_setting_up and not self._was_setting_up:
            history.write(at, "setup_started")
        if self._was_setting_up and not is_setting_up:
            history.write(at, "setup_ended")
        self._was_setting_up = is_setting_up
        history.write_heartbeat(at, readings)

    def _build_heartbeat(self, readings: Mapping[str, Reading], at: datetime) -> Heartbeat:
        live_counts: Counter[str] = Counter()
        for reading in readings.values():
            live_counts.update(reading.live_counts)
        response, notifier = self._services.last_response.response, self._services.notifier
        return Heartbeat(
            instance_id=self._identity.instance_id,
            at=at,
            boot_id=self._identity.boot_id,
            signals=dict(self.evidence),
            live_counts=dict(live_counts),
            acknowledged=Acknowledgement(
                keep_until=response.keep_until if response else None,
                warning_id=notifier.warning_id,
                terminals=notifier.reached.terminals,
                jupyter_servers=notifier.reached.jupyter_servers,
            ),
            keep_request=self._services.keep_requests.find_next_request(),
            missed_heartbeats=self._missed,
            setup=self._services.setup.read_progress(),
            interruption=notifier.interruption,
        )

    def _send(self, heartbeat: Heartbeat) -> bool:
        try:
            response = self._sender.send(heartbeat)
        except Exception as error:  # noqa: BLE001 - offline, denied, throttled, a bug of boto3: sensors are read anyway
            logger.warning("The heartbeat was not sent: %s: %s", type(error).__name__, error)
            self._count_missed(heartbeat.at, error)
            return False
        if self._report_missed_until is None or heartbeat.at >= self._report_missed_until:
            self._missed = self._report_missed_until = None
        if response:
            self._apply_response(response, heartbeat.at)
        return True

    def _count_missed(self, at: datetime, error: Exception) -> None:
        missed = self._missed or MissedHeartbeats(count=0, since=at, reason="")
        self._missed = MissedHeartbeats(count=missed.count + 1, since=missed.since, reason=_find_error_code(error))
        self._report_missed_until = at + MISSED_RETENTION

    def _apply_response(self, response: HeartbeatResponse, at: datetime) -> None:
        """Apply gpudesk's response. Evidence that was measured with another threshold is dropped."""
        last = self._services.last_response.response
        for name in _list_changed_thresholds(
            last.policy.thresholds if last else Thresholds(), response.policy.thresholds
        ):
            self.evidence.pop(SIGNAL_BY_THRESHOLD[name], None)
        keep_until = response.keep_until
        if keep_until and keep_until > at and (last is None or last.keep_until != keep_until):
            self._services.history.write(at, "keep", until=format_timestamp(keep_until))
        self._services.last_response.store(response)
        self._services.notifier.handle_stop_warning(response)
        if response.keep_result:
            self._services.keep_requests.acknowledge(response.keep_result)


def _to_self_stop_status(decision: SelfStopDecision) -> SelfStopStatus | None:
    if decision.state.stop_at is None:
        return None
    return SelfStopStatus(stop_at=decision.state.stop_at, stopping_now=decision.action is SelfStopAction.STOP)


def _list_changed_thresholds(before: Thresholds, after: Thresholds) -> list[str]:
    return [field.name for field in fields(Thresholds) if getattr(before, field.name) != getattr(after, field.name)]


def _find_error_code(error: Exception) -> str:
    """Return the error code of AWS, or else the class of the error."""
    # On the errors of a closed connection and of a time-out, botocore sets it to None.
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
