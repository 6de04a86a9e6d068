"""Simulated probe, which turns the samples of a history into evidence and heartbeats like the real probe."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.idle.evidence import MAX_SAMPLE_GAP, Evidence, Sample, SignalState, fold_sample
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_encoding import encode_heartbeat
from tools.replay import events
from tools.replay.record import MACHINE_ID

KEY = f"AROAEXAMPLEEXAMPLEEXA:{MACHINE_ID}"


class SimulatedProbe:
    """Probe of one instance during all its boots."""

    def __init__(self) -> None:
        self._boots = 0
        self._evidence: dict[str, Evidence] = {}
        self._window_started_at: datetime | None = None

    def start_window(self, at: datetime) -> None:
        """Start the idle window, because the instance is ready."""
        self._window_started_at = at

    def boot(self) -> None:
        """Forget the evidence, because the next samples are of another boot."""
        self._boots += 1
        self._evidence = {}
        self._window_started_at = None

    def send_heartbeat(self, heartbeat: events.Heartbeat) -> DecodedHeartbeat:
        """Return the heartbeat that gpudesk would read from the table. Signals without a sample are left out."""
        for name, reading in heartbeat.signals.items():
            sample = Sample(at=heartbeat.at, state=reading.state, reason=reading.reason, boot_id=str(self._boots))
            self._evidence[name] = fold_sample(self._find_evidence(sample, self._evidence.get(name)), sample)
        signals = {name: self._evidence[name] for name in heartbeat.signals}
        sent = Heartbeat(instance_id=MACHINE_ID, at=heartbeat.at, boot_id=str(self._boots), signals=signals)
        return decode_heartbeat(encode_heartbeat(sent, KEY))

    def _find_evidence(self, sample: Sample, evidence: Evidence | None) -> Evidence | None:
        """Return the evidence to which a sample is added.

        If the first sample of a window is quiet and follows soon, the start of the window also counts as quiet. A real
        instance does not need this rule, because its probe has sampled before the instance is ready.
        """
        started_at = self._window_started_at
        if started_at is None or (evidence and evidence.at >= started_at):
            return evidence
        if sample.state is not SignalState.QUIET or sample.at - started_at > MAX_SAMPLE_GAP:
            return evidence
        return fold_sample(None, replace(sample, at=started_at))
