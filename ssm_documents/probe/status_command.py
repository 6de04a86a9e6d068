"""The command gpudesk-status: prints the last measurements, the idle policy, and announced stops."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.common.text import ensure_period, format_date_time, pluralize
from chalicelib.domain.common.untrusted_text import strip_to_line
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
    response = status["response"]
    if response is None:
        yield "gpudesk has not responded to a heartbeat yet, so the policy is unknown."
        return
    yield (
        f"Policy: a stop warning after {response['idle_minutes']} idle minutes, the stop "
        f"{response['warning_minutes']} minutes later. Enabled signals: {', '.join(response['signals'])}. "
        f"Mode of gpudesk: {response['mode']}."
    )
    if "keep_until" in response:
        yield f"This instance is kept until {_format_seconds(response['keep_until'])}."
    if "warning" in response:
        _, warning_type, stop_at = response["warning"]
        yield f"WARNING: This instance will be stopped at {_format_seconds(stop_at)}: {describe_reason(warning_type)}."
    if "keep_result" in response:
        _, granted, text = response["keep_result"]
        result = "granted" if granted else "refused"
        yield f"The last keep request from this instance was {result}: {ensure_period(text)}"
    if status["self_stop_at"]:
        stop_at = status["self_stop_at"]
        yield f"WARNING: This instance will stop itself at {stop_at}, because gpudesk has not stopped it."
    if status["missed"]:
        yield f"{pluralize(status['missed'], 'heartbeat')} could not be sent; the last error: {status['last_error']}."


def _format_seconds(seconds: int) -> str:
    return format_date_time(datetime.fromtimestamp(seconds, UTC))
