"""A watch for EC2's warning that it interrupts this spot instance, two minutes before.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

from ssm_documents.probe.imds import Imds
from ssm_documents.probe.notifier import Notifier


class InterruptionWatch:
    """Reads the warning in the metadata of a spot instance. An on-demand instance has none."""

    def __init__(self, imds: Imds, notifier: Notifier) -> None:
        self._imds = imds
        self._notifier = notifier
        self._is_spot = imds.read("instance-life-cycle") == "spot"

    def poll(self) -> bool:
        """Show a new warning to people, and return whether there is one. Without a warning, the service answers 404."""
        if not self._is_spot:
            return False
        try:
            # From {"action": "stop", "time": "2026-01-05T09:02:00Z"} only the values: a heartbeat has little room.
            warning = " ".join(self._imds.read("spot/instance-action").split('"')[3::4])
        except OSError:
            return False
        is_new = warning != self._notifier.interruption
        if is_new:
            self._notifier.handle_interruption(warning)
        return is_new
