"""Reports from the future: once the desk's clock has caught up with them, their times make them look fresh.

So what was seen to be ahead is doubted until a report proves its own age: it came between two looks that were close
together, and neither of the two found it ahead.
"""

from datetime import datetime

from chalicelib.domain.activity.heartbeat import Heartbeat, Report
from chalicelib.domain.activity.idle import HEARTBEAT_AHEAD, HEARTBEAT_FRESH
from chalicelib.domain.instance import Doubt


def doubt_of(before: Doubt | None, report: Report, now: datetime) -> Doubt | None:
    """What to make of the times in a machine's reports; None where nothing speaks against them.

    It is written down at the first report that is ahead, and not for each that follows.
    """
    if not isinstance(report, Heartbeat):
        return before
    if report.at > now + HEARTBEAT_AHEAD:
        return before if before and before.plausible_at is None else Doubt(report_at=report.at)
    if before is None or report.at == before.report_at:
        return before
    looked_at = before.plausible_at
    if looked_at and report.at > before.report_at and now - looked_at <= HEARTBEAT_FRESH:
        return None
    return Doubt(report_at=report.at, plausible_at=now)
