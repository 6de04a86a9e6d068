"""The status file: what the probe measured and received last, for `gpudesk-status`."""

from __future__ import annotations

import logging
from pathlib import Path

from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, encode_response
from ssm_documents.probe.files import write_json

logger = logging.getLogger(__name__)


def write_status(path: Path, heartbeat: Heartbeat, response: HeartbeatResponse | None) -> None:
    """Replace the status file.

    :param heartbeat: the state of the probe after the heartbeat was sent
    :param response: the last response
    """
    missed, self_stop = heartbeat.missed_heartbeats, heartbeat.self_stop
    status = {
        "at": format_timestamp(heartbeat.at),
        "signals": {
            name: {
                "state": evidence.state.value,
                "since": format_timestamp(evidence.since),
                "reason": evidence.reason,
            }
            for name, evidence in heartbeat.signals.items()
        },
        "response": encode_response(response) if response else None,
        "self_stop_at": format_timestamp(self_stop.stop_at) if self_stop else None,
        "missed": missed.count if missed else 0,
        "last_error": missed.reason if missed else "",
    }
    try:
        write_json(path, status)
    except OSError as error:
        logger.warning("The status could not be written: %s", error)
