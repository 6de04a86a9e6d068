"""Test the setup progress in a heartbeat. The size of heartbeats is tested in test_heartbeat_size.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat, StepProgress, UnreadableHeartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE, encode_heartbeat
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.store.heartbeats import HeartbeatModel
from tests.support.heartbeat_fields import replace_fields

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "AROAEXAMPLEEXAMPLEEXA:i-0123456789abcdef0"
PROGRESS = StepProgress(
    document="gpudesk-d2l-pytorch",
    step="packages",
    position="3 of 5",
    running_for=timedelta(seconds=95),
    last_output_line="Installing PyTorch for CUDA.",
)


def build_heartbeat(**more: Any) -> Heartbeat:
    evidence = Evidence(
        state=SignalState.UNKNOWN,
        since=NOW - timedelta(hours=3),
        at=NOW,
        samples=180,
        largest_gap=timedelta(seconds=61),
        reason="x" * 200,
        boot_id="8f1b6c3e-1111-2222-3333-0123456789ab",
    )
    return Heartbeat(
        instance_id="i-0123456789abcdef0",
        at=NOW,
        boot_id=evidence.boot_id,
        signals=dict.fromkeys(SIGNALS, evidence),
        **more,
    )


def test_table_has_the_attribute_that_an_instance_writes() -> None:
    assert HEARTBEAT_ATTRIBUTE in HeartbeatModel.get_attributes()


def test_text_of_a_heartbeat_is_read_as_written() -> None:
    heartbeat = build_heartbeat(setup=PROGRESS)
    text = encode_heartbeat(heartbeat, KEY)
    decoded = decode_heartbeat(text)
    assert isinstance(decoded, Heartbeat)
    assert (decoded.at, decoded.signals.keys(), decoded.setup) == (NOW, heartbeat.signals.keys(), PROGRESS)
    assert decode_heartbeat(text[:-1] + ',"of a newer probe"]') == decoded


def test_item_without_a_heartbeat_has_none() -> None:
    assert decode_heartbeat(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quiet",
        "[",
        "[" * 1900,
        "{}",
        "[]",
        "[null]",
        "17",
        "[17]",
        "[NaN]",
        "[1e999]",
        " " * 3000,
        {"N": "17"},
    ],
    ids=lambda text: str(text)[:12],
)
def test_heartbeat_that_is_not_of_the_probe_is_unreadable(text: object) -> None:
    assert isinstance(decode_heartbeat(text), UnreadableHeartbeat)


def test_setup_progress_survives_encoding() -> None:
    decoded = decode_heartbeat(encode_heartbeat(build_heartbeat(setup=PROGRESS), KEY))
    assert isinstance(decoded, Heartbeat)
    assert decoded.setup == PROGRESS
    quiet = decode_heartbeat(encode_heartbeat(build_heartbeat(), KEY))
    assert isinstance(quiet, Heartbeat)
    assert quiet.setup is None


@pytest.mark.parametrize(
    "setup",
    [17, [], ["d", "s", "1 of 2", -1, "line"], ["d", "s", "1 of 2", "95", "line"], ["d", {}, "1 of 2", 95, "line"]],
)
def test_invalid_setup_makes_the_heartbeat_unreadable(setup: object) -> None:
    assert isinstance(
        decode_heartbeat(replace_fields(encode_heartbeat(build_heartbeat(), KEY), setup=setup)), UnreadableHeartbeat
    )


def test_setup_texts_are_shortened_and_printable() -> None:
    raw = ["d" * 400, "s\x1b[31m", "1 of 2", 95, "l" * 400]
    decoded = decode_heartbeat(replace_fields(encode_heartbeat(build_heartbeat(), KEY), setup=raw))
    assert isinstance(decoded, Heartbeat)
    assert decoded.setup is not None
    assert (len(decoded.setup.document), decoded.setup.step, len(decoded.setup.last_output_line)) == (24, "s", 120)
