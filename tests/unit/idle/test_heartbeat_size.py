"""Test that an encoded heartbeat fits its limit and decodes to the same heartbeat without what was dropped."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.desk.hook_path import MAX_RELATIVE_LENGTH
from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import (
    MAX_HEARTBEAT_BYTES,
    Acknowledgement,
    Heartbeat,
    KeepRequest,
    MissedHeartbeats,
    SelfStopStatus,
    StepProgress,
)
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_encoding import (
    DROPPABLE_FIELDS,
    HEARTBEAT_FIELDS,
    compute_size,
    encode_heartbeat,
)
from chalicelib.domain.idle.heartbeat_response import (
    ActiveWarning,
    HeartbeatResponse,
    KeepResult,
    decode_response,
    encode_response,
    normalize_response,
)
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds
from tests.support.heartbeat_fields import read_fields

ITEM_BYTES = 1024
EXPIRY_BYTES = len("expires_at") + 7
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOT = "0f4c3a52-7c1b-4c1e-9a54-3f2b1c0d9e8f"
INSTANCE = "i-0123456789abcdef0"
KEY = f"AROAEXAMPLEEXAMPLEEXA:{INSTANCE}"
ID = "z" * 32
"""The longest id of a keep request."""

moments = st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds))
counts = st.integers(0, 10**5)


def build_evidence(state: SignalState, since: datetime, samples: int, reason: str) -> Evidence:
    gap = timedelta(seconds=180)
    return Evidence(state, since=since, at=NOW, samples=samples, largest_gap=gap, reason=reason, boot_id=BOOT)


def build_progress(name: str, line: str) -> StepProgress:
    return StepProgress(
        document=name, step=name, position="12 of 12", running_for=timedelta(days=1), last_output_line=line
    )


heartbeats = st.builds(
    Heartbeat,
    instance_id=st.just(INSTANCE),
    at=st.just(NOW),
    boot_id=st.just(BOOT),
    signals=st.dictionaries(
        st.sampled_from(SIGNALS),
        st.builds(build_evidence, st.sampled_from(SignalState), moments, st.integers(1, 10**6), st.text(max_size=200)),
    ),
    live_counts=st.dictionaries(st.sampled_from(["kernels", "terminals", "tmux", "screen"]), counts),
    acknowledged=st.builds(
        Acknowledgement,
        keep_until=st.none() | moments,
        warning_id=st.none() | st.just("lifetime-1795500000"),
        terminals=counts,
    ),
    keep_request=st.none() | st.builds(KeepRequest, id=st.sampled_from(["1", ID]), hours=st.integers(1, 8760)),
    missed_heartbeats=st.none() | st.builds(MissedHeartbeats, count=counts, since=moments, reason=st.text(max_size=60)),
    self_stop=st.none() | st.builds(SelfStopStatus, stop_at=moments, stopping_now=st.booleans()),
    setup=st.none() | st.builds(build_progress, st.text(max_size=60), st.text(max_size=300)),
    interruption=st.none() | st.just("stop 2026-11-23T12:00:00Z"),
)

MAX_HEARTBEAT = Heartbeat(
    instance_id=INSTANCE,
    at=NOW,
    boot_id=BOOT,
    signals={name: build_evidence(SignalState.UNKNOWN, NOW - timedelta(days=9), 10**6, "x" * 200) for name in SIGNALS},
    live_counts={"kernels": 10**5, "terminals": 10**5, "tmux": 10**5, "screen": 10**5},
    acknowledged=Acknowledgement(
        keep_until=NOW, warning_id="lifetime-1795500000", terminals=10**5, jupyter_servers=10**5
    ),
    keep_request=KeepRequest(id=ID, hours=8760),
    missed_heartbeats=MissedHeartbeats(count=10**5, since=NOW, reason="ProvisionedThroughputExceededException"),
    self_stop=SelfStopStatus(stop_at=NOW, stopping_now=False),
    setup=build_progress("x" * 60, "x" * 300),
    interruption="hibernate 2026-11-23T12:00:00Z",
)
MAX_RESPONSE = HeartbeatResponse(
    mode="paused",
    policy=IdlePolicy(
        idle_minutes=10_080,
        warning_minutes=1440,
        thresholds=Thresholds(
            gpu_percent=100, cpu_core_percent=100_000, disk_kib_per_second=10**7, network_kib_per_second=10**7
        ),
    ),
    keep_until=NOW,
    warning=ActiveWarning(id="lifetime-1795500000", warning_type="lifetime", stop_at=NOW),
    keep_result=KeepResult(id=ID, granted=False, message="x" * 200),
    before_stop_hook="/home/ubuntu/" + "x" * MAX_RELATIVE_LENGTH,
)


@given(heartbeats)
@example(MAX_HEARTBEAT)
def test_heartbeat_fits_its_limit_and_drops_only_what_does_not_fit(
    heartbeat: Heartbeat,
) -> None:
    text = encode_heartbeat(heartbeat, KEY)
    assert compute_size(KEY, text) <= MAX_HEARTBEAT_BYTES
    decoded = decode_heartbeat(text)
    assert isinstance(decoded, Heartbeat)
    signals = {name: (each.state, each.since, each.samples) for name, each in decoded.signals.items()}
    assert signals == {name: (each.state, each.since, each.samples) for name, each in heartbeat.signals.items()}
    assert (decoded.acknowledged, decoded.keep_request, decoded.self_stop, decoded.interruption) == (
        heartbeat.acknowledged,
        heartbeat.keep_request,
        heartbeat.self_stop,
        heartbeat.interruption,
    )
    if decoded.live_counts != heartbeat.live_counts:
        assert (decoded.missed_heartbeats, dict(decoded.live_counts)) == (None, {}), "only dropped completely, and last"


def test_largest_heartbeat_and_response_cost_one_write() -> None:
    text = encode_heartbeat(MAX_HEARTBEAT, KEY)
    assert read_fields(text).keys() >= set(HEARTBEAT_FIELDS) - set(DROPPABLE_FIELDS)
    response = encode_response(MAX_RESPONSE)
    assert response.isascii()
    assert compute_size(KEY, text) + len("response") + len(response) + EXPIRY_BYTES <= ITEM_BYTES


def test_response_is_read_as_written() -> None:
    assert decode_response(encode_response(MAX_RESPONSE)) == normalize_response(MAX_RESPONSE)
    assert decode_response(encode_response(MAX_RESPONSE)[:-1] + ",1]") == normalize_response(MAX_RESPONSE)
    assert decode_response(encode_response(HeartbeatResponse())) == HeartbeatResponse()


def test_small_heartbeat_is_complete() -> None:
    reasons = {"gpu": build_evidence(SignalState.ACTIVE, NOW, 1, "GPU 1 of 8 at 97 %")}
    heartbeat = Heartbeat(
        instance_id=INSTANCE, at=NOW, boot_id=BOOT, signals=reasons, missed_heartbeats=MAX_HEARTBEAT.missed_heartbeats
    )
    decoded = decode_heartbeat(encode_heartbeat(heartbeat, KEY))
    assert isinstance(decoded, Heartbeat)
    assert decoded.missed_heartbeats
    assert decoded.signals["gpu"].reason == "GPU 1 of 8 at 97 %"
