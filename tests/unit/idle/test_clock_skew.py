"""Reports from the future, and when their times are believed again."""

from datetime import UTC, datetime, timedelta

from chalicelib.domain.idle.clock_skew import ClockSkew, detect_clock_skew
from chalicelib.domain.idle.heartbeat import Heartbeat, UnreadableHeartbeat

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AHEAD = ClockSkew(reported_at=NOW + 10 * MINUTE)


def report(minutes: float) -> Heartbeat:
    return Heartbeat(instance_id="i-1", at=NOW + minutes * MINUTE, boot_id="b", signals={})


def looked(before: ClockSkew | None, *looks: tuple[float, float]) -> ClockSkew | None:
    """After looks, each at a minute, at a report whose time is another minute."""
    for now, at in looks:
        before = detect_clock_skew(before, report(at), NOW + now * MINUTE)
    return before


def test_reports_in_time_are_not_doubted() -> None:
    assert looked(None, (0, 0), (1, 1), (2, 3.9)) is None


def test_a_report_from_the_future_is_doubted_and_those_after_it_change_nothing() -> None:
    assert looked(None, (0, 10)) == AHEAD
    assert looked(None, (0, 10), (1, 11), (2, 12)) == AHEAD


def test_a_report_that_the_clock_has_caught_up_with_stays_doubted() -> None:
    assert looked(AHEAD, (9, 10), (10, 10), (12, 10)) == AHEAD


def test_a_later_report_of_the_wrong_clock_that_was_caught_up_with_stays_doubted() -> None:
    doubted = ClockSkew(reported_at=NOW + 13 * MINUTE, first_plausible_at=NOW + 11 * MINUTE)
    assert looked(AHEAD, (11, 13), (12, 13), (15, 13)) == doubted


def test_a_clock_that_was_put_right_is_believed_at_its_second_report() -> None:
    assert looked(AHEAD, (2, 2)) is not None
    assert looked(AHEAD, (2, 2), (3, 3)) is None


def test_two_reports_between_which_the_desk_was_away_prove_nothing() -> None:
    assert looked(AHEAD, (11, 13), (30, 32)) is not None
    assert looked(AHEAD, (11, 13), (30, 32), (31, 33)) is None


def test_an_older_report_that_arrives_late_proves_nothing() -> None:
    assert looked(AHEAD, (11, 13), (12, 12)) is not None


def test_a_clock_that_is_wrong_again_is_doubted_again() -> None:
    assert looked(AHEAD, (2, 2), (3, 13), (4, 14)) == ClockSkew(reported_at=NOW + 13 * MINUTE)


def test_what_cannot_be_read_proves_nothing() -> None:
    assert detect_clock_skew(AHEAD, UnreadableHeartbeat("torn"), NOW) == AHEAD
    assert detect_clock_skew(None, None, NOW) is None
