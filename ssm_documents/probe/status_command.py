"""The command gpudesk-status: prints the last measurements, the idle policy, and announced stops."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.common.text import ensure_period, format_date_time, pluralize
from chalicelib.domain.common.untrusted_text import strip_to_line
from chalicelib.domain.idle.heartbeat_response import decode_response
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.warning_texts import describe_reason


def run_status(arguments: Sequence[str], paths: ProbePaths | None = None) -> int:
    """Print the probe's status file."""
    argparse.ArgumentParser(
        prog="gpudesk-status", description="Show what the probe measures on this instance and what gpudesk will do."
    ).parse_args(arguments)
    try:
        status = json.loads((paths or ProbePaths()).status.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        print("The probe has not reported yet. Check it with: systemctl status gpudesk-probe", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"gpudesk-status: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    for line in _format_lines(status):
        print(strip_to_line(line))
    return 0


def _format_lines(status: Mapping[str, Any]) -> Iterator[str]:
    yield f"Measured at {status['at']}:"
    for name, signal in status["signals"].items():
        yield f"  {name:<9} {signal['state']:<8} since {signal['since']}  {signal['reason']}"
    if status["response"] is None:
        yield "gpudesk has not responded to a heartbeat yet, so the policy is unknown."
        return
    response = decode_response(status["response"])
    policy, warning = response.policy, response.warning
    yield (
        f"Policy: a stop warning after {policy.idle_minutes} idle minutes, the stop {policy.warning_minutes} minutes "
        f"later. Enabled signals: {', '.join(policy.signals)}. Mode of gpudesk: {response.mode}."
    )
    if response.keep_until:
        yield f"This instance is kept until {format_date_time(response.keep_until)}."
    if warning:
        reason = describe_reason(warning.warning_type)
        yield f"WARNING: This instance will be stopped at {format_date_time(warning.stop_at)}: {reason}."
    if response.keep_result:
        result = "granted" if response.keep_result.granted else "refused"
        message = ensure_period(response.keep_result.message)
        yield f"The last keep request from this instance was {result}: {message}"
    if status["self_stop_at"]:
        stop_at = status["self_stop_at"]
        yield f"WARNING: This instance will stop itself at {stop_at}, because gpudesk has not stopped it."
    if status["missed"]:
        yield f"{pluralize(status['missed'], 'heartbeat')} could not be sent; the last error: {status['last_error']}."
