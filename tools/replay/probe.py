"""A pretend probe: samples of a history, folded into evidence and reported as the real one does."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.idle.evidence import MAX_SAMPLE_GAP, Evidence, Sample, SignalState, fold_sample
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_encoding import encode_heartbeat
from tools.replay import history
from tools.replay.record import MACHINE_ID

KEY = f"AROAEXAMPLEEXAMPLEEXA:{MACHINE_ID}"


class Probe:
    """The probe of one machine, through its boots."""

    def __init__(self) -> None:
        self._boots = 0
        self._evidence: dict[str, Evidence] = {}
        self._window_began_at: datetime | None = None

    def begin_window(self, at: datetime) -> None:
        """It can be used from here on."""
        self._window_began_at = at

    def boot(self) -> None:
        """The next samples are of another boot, of which nothing is known yet."""
        self._boots += 1
        self._evidence = {}
        self._window_began_at = None

    def beat(self, heartbeat: history.Heartbeat) -> DecodedHeartbeat:
        """What it makes of its samples, as it comes out of the table. A signal that it lacks is not reported."""
        for name, reading in heartbeat.signals.items():
            sample = Sample(at=heartbeat.at, state=reading.state, reason=reading.reason, boot_id=str(self._boots))
            self._evidence[name] = fold_sample(self._before(sample, self._evidence.get(name)), sample)
        signals = {name: self._evidence[name] for name in heartbeat.signals}
        report = Heartbeat(instance_id=MACHINE_ID, at=heartbeat.at, boot_id=str(self._boots), signals=signals)
        return decode_heartbeat(encode_heartbeat(report, KEY))

    def _before(self, sample: Sample, evidence: Evidence | None) -> Evidence | None:
        """What a sample is added to.

        A signal's first one in a window, if quiet, speaks for the window's begin as well: a gap as short as that is
        none. A real machine needs no such rule, its probe has looked before the desk calls it ready.
        """
        began_at = self._window_began_at
        if began_at is None or (evidence and evidence.at >= began_at):
            return evidence
        if sample.state is not SignalState.QUIET or sample.at - began_at > MAX_SAMPLE_GAP:
            return evidence
        return fold_sample(None, replace(sample, at=began_at))
