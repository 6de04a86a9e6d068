"""The parts that the probe is built of, so that tests and the local cloud can replace them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.history import History
from ssm_documents.probe.keep_requests import KeepRequests
from ssm_documents.probe.last_response import LastResponse
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.setup_watch import SetupWatch


@dataclass(frozen=True)
class HeartbeatIdentity:
    """The sender of the heartbeats: EC2's id, and the kernel's id of this boot."""

    instance_id: str
    boot_id: str


class TimeSource(Protocol):
    """The source of the time. Raises OSError or ValueError if the time is unknown."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        ...


class HeartbeatSender(Protocol):
    """The sender of heartbeats. May raise anything."""

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        """Write the heartbeat and return gpudesk's response."""
        ...


@dataclass(frozen=True)
class LocalServices:
    """The parts of the probe that belong to the instance.

    :param power_off: stops the instance; called again at the next heartbeat if it still runs
    :param run_hook: runs the before-stop hook with this path, within its bound; called once per self-stop
    """

    paths: ProbePaths
    last_response: LastResponse
    history: History
    setup: SetupWatch
    keep_requests: KeepRequests
    notifier: Notifier
    power_off: Callable[[], None]
    run_hook: Callable[[str], None]
