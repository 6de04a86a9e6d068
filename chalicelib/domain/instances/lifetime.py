"""The time that an instance may run: until `max_hours` after its launch or start, or until the end of a later keep."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """Limits of the time that an instance runs.

    :param started_at: the launch or start that `max_hours` counts from
    :param keep_until: end of the keep, if there is one
    :param keep_requested_by: who requested the keep
    """

    started_at: datetime | None = None
    keep_until: datetime | None = None
    keep_requested_by: str | None = None

    def compute_end(self, max_hours: int) -> datetime | None:
        """Return when it ends; None: the instance does not run."""
        if self.started_at is None:
            return None
        end = self.started_at + timedelta(hours=max_hours)
        return max(end, self.keep_until) if self.keep_until else end

    def has_keep(self, now: datetime) -> bool:
        """Return whether the keep is in force now."""
        return self.keep_until is not None and now < self.keep_until
