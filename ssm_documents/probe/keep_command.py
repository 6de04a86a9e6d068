"""The command gpudesk-keep: asks gpudesk to keep the instance running."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.domain.common.text import ensure_period
from chalicelib.domain.idle.heartbeat_response import decode_response
from ssm_documents.probe.arguments import DURATION_HELP, parse_duration
from ssm_documents.probe.files import ProbePaths, write_json

REPLY_TIMEOUT_SECONDS = 200.0
"""One heartbeat carries the request, the next sweep decides, and the next heartbeat returns the result."""

POLL_SECONDS = 0.5

SHORTENED = (
    "That is earlier than requested. A keep that is requested on the instance ends with its maximum lifetime "
    "(max_hours) at the latest, and no keep lasts longer than the limit keep_hours of gpudesk. To keep the instance "
    "beyond its maximum lifetime, request the keep from gpudesk (POST /instances/NAME/keep)."
)


def run_keep(
    arguments: Sequence[str], paths: ProbePaths | None = None, wait_seconds: float = REPLY_TIMEOUT_SECONDS
) -> int:
    """Request a keep and wait for the result. The exit status is 0 if gpudesk granted it, else 1."""
    paths = paths or ProbePaths()
    options = _parse(arguments)
    requested_until = _add_to_cloud_time(paths, options.duration)
    request_id = f"{int(time.time())}-{secrets.token_hex(4)}"
    try:
        write_json(paths.keep_requests / f"{request_id}.json", {"hours": options.duration / timedelta(hours=1)})
    except OSError as error:
        print(
            f"gpudesk-keep: The request could not be written to {paths.keep_requests}: {error.strerror}. Free space on "
            "the disk (df -h /), or keep the instance from gpudesk (POST /instances/NAME/keep).",
            file=sys.stderr,
        )
        return 1
    if options.no_wait:
        print("Keep requested. To see the result, run gpudesk-status in a few minutes.")
        return 0
    print("Keep requested. gpudesk decides within a few minutes.", flush=True)
    result = _wait_for_result(paths.keep_results / f"{request_id}.json", wait_seconds)
    if result is None:
        print(
            "gpudesk has not responded yet. The probe sends the request again every minute. To see the result, run "
            "gpudesk-status later.",
            file=sys.stderr,
        )
        return 1
    print(f"{'Granted' if result['granted'] else 'Refused'}: {ensure_period(result['message'])}")
    if result["granted"] and _is_shortened(paths, requested_until):
        print(SHORTENED)
    return 0 if result["granted"] else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpudesk-keep", description="Ask gpudesk to keep this instance running.")
    parser.add_argument("duration", type=parse_duration, nargs="?", help="how long, from now, such as 4h")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the result")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(f"the duration is {unknown[0]!r}, but {DURATION_HELP}")
    if options.duration is None:
        parser.error(f"the duration is missing: {DURATION_HELP}")
    return options


def _add_to_cloud_time(paths: ProbePaths, duration: timedelta) -> datetime | None:
    """Return the earliest end of a keep of this duration; None if the probe has not reported yet.

    The time of the last heartbeat is at most the time of the request, so a keep that is not shortened never ends before
    the returned time. The clock of this computer is not used, because the probe does not use it either.
    """
    try:
        return datetime.fromisoformat(json.loads(paths.status.read_text(encoding="utf-8"))["at"]) + duration
    except (OSError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _is_shortened(paths: ProbePaths, requested_until: datetime | None) -> bool:
    """Return whether the granted keep ends before the requested time. Differences of some minutes are not noticed."""
    try:
        keep_until = decode_response(paths.response.read_text(encoding="utf-8")).keep_until
    except (OSError, KeyError, TypeError, ValueError):
        return False
    return bool(requested_until and keep_until and keep_until < requested_until)


def _wait_for_result(path: Path, seconds: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            time.sleep(POLL_SECONDS)
        else:
            return result
    return None
