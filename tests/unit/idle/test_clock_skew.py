"""Test the detection of heartbeats from the future, and when their times are trusted again."""

from datetime import UTC, datetime, timedelta

from chalicelib.domain.idle.clock_skew import ClockSkew, detect_clock_skew
from chalicelib.domain.idle.heartbeat import Heartbeat, UnreadableHeartbeat

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SKEW = ClockSkew(reported_at=NOW + 10 * MINUTE)


def build_heartbeat(minutes: float) -> Heartbeat:
    return Heartbeat(instance_id="i-1", at=NOW + minutes * MINUTE, boot_id="b", signals={})


def detect_over_time(skew: ClockSkew | None, *readings: tuple[float, float]) -> ClockSkew | None:
    """Return the skew after several heartbeats.

    :param readings: minutes at which gpudesk reads a heartbeat and minutes of its time
    """
    for now, at in readings:
        skew = detect_clock_skew(skew, build_heartbeat(at), NOW + now * MINUTE)
    return skew


def test_heartbeats_on_time_show_no_skew() -> None:
    assert detect_over_time(None, (0, 0), (1, 1), (2, 3.9)) is None


def test_first_heartbeat_from_the_future_is_remembered() -> None:
    assert detect_over_time(None, (0, 10)) == SKEW
    assert detect_over_time(None, (0, 10), (1, 11), (2, 12)) == SKEW


def test_skew_stays_when_the_clock_reaches_the_heartbeat() -> None:
    assert detect_over_time(SKEW, (9, 10), (10, 10), (12, 10)) == SKEW


def test_skew_stays_for_a_later_heartbeat_of_the_wrong_clock() -> None:
    expected = ClockSkew(reported_at=NOW + 13 * MINUTE, first_plausible_at=NOW + 11 * MINUTE)
    assert detect_over_time(SKEW, (11, 13), (12, 13), (15, 13)) == expected


def test_second_heartbeat_of_a_corrected_clock_ends_the_skew() -> None:
    assert detect_over_time(SKEW, (2, 2)) is not None
    assert detect_over_time(SKEW, (2, 2), (3, 3)) is None


def test_heartbeats_seen_far_apart_do_not_end_the_skew() -> None:
    assert detect_over_time(SKEW, (11, 13), (30, 32)) is not None
    assert detect_over_time(SKEW, (11, 13), (30, 32), (31, 33)) is None


def test_older_heartbeat_does_not_end_the_skew() -> None:
    assert detect_over_time(SKEW, (11, 13), (12, 12)) is not None


def test_skew_returns_when_the_clock_is_wrong_again() -> None:
    assert detect_over_time(SKEW, (2, 2), (3, 13), (4, 14)) == ClockSkew(reported_at=NOW + 13 * MINUTE)


def test_unreadable_heartbeat_changes_nothing() -> None:
    assert detect_clock_skew(SKEW, UnreadableHeartbeat("torn"), NOW) == SKEW
    assert detect_clock_skew(None, None, NOW) is None
