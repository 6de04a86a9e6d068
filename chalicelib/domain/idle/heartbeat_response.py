"""Define and encode the heartbeat response: what an instance must know while gpudesk is unreachable.

gpudesk writes it as a text into the item of the heartbeat, and the probe reads it with the same call that writes the
next one.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.idle.epoch_seconds import from_epoch_seconds, to_epoch_seconds
from chalicelib.domain.idle.heartbeat_encoding import to_compact_json
from chalicelib.domain.idle.policy import IdlePolicy, Thresholds

HOOK_FOLDER = "/home/ubuntu/"
"""The folder of every before-stop hook. The text has the path without it."""

MAX_KEEP_MESSAGE_LENGTH = 60
"""The message of a keep result is cut to this length, less that of a hook, because the item has little room."""

RESPONSE_FIELDS = (
    "mode",
    "idle_minutes",
    "warning_minutes",
    "signals",
    "thresholds",
    "keep_until",
    "warning",
    "keep_result",
    "before_stop_hook",
)
"""The fields of a response, in the order of the list that is stored. A new field is added at the end."""


@dataclass(frozen=True, kw_only=True)
class ActiveWarning:
    """A stop warning that is in force. The instance shows it once, in its terminals and in JupyterLab.

    :param warning_type: idle, lifetime, failed or no_agent
    :param stop_at: gpudesk does not stop the instance before this time
    """

    id: str
    warning_type: str
    stop_at: datetime


@dataclass(frozen=True, kw_only=True)
class KeepResult:
    """Result of a keep request that was made on the instance.

    :param id: the id of the keep request
    :param message: until when the instance is kept, or why the request was refused
    """

    id: str
    granted: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class HeartbeatResponse:
    """Settings and messages of gpudesk for an instance.

    :param mode: the mode of gpudesk; the instance stops itself only in `enforce`
    :param before_stop_hook: path of the program that runs before the instance stops itself; None: no program
    """

    mode: str = "enforce"
    policy: IdlePolicy = IdlePolicy()
    keep_until: datetime | None = None
    warning: ActiveWarning | None = None
    keep_result: KeepResult | None = None
    before_stop_hook: str | None = None


def encode_response(response: HeartbeatResponse) -> str:
    """Return the text of a response; null stands for a field that it lacks."""
    fields = _build_fields(response)
    return to_compact_json([fields.get(name) for name in RESPONSE_FIELDS])


@functools.lru_cache(maxsize=256)
def decode_response(text: str) -> HeartbeatResponse:
    """Return the response of a text. It is cached, because most instances have the same response.

    :raises KeyError: a field is missing
    :raises TypeError: a value has the wrong type
    :raises ValueError: the text is not JSON, or a value has the wrong form
    """
    values = json.loads(text)
    # A newer gpudesk may have added fields at the end.
    named = zip(RESPONSE_FIELDS, values, strict=False)
    return _decode_fields({name: value for name, value in named if value is not None})


def normalize_response(response: HeartbeatResponse) -> HeartbeatResponse:
    """Return the response as the instance reads it (whole seconds, a shortened message), to compare the two."""
    return decode_response(encode_response(response))


def _build_fields(response: HeartbeatResponse) -> dict[str, Any]:
    policy, thresholds = response.policy, response.policy.thresholds
    hook = (response.before_stop_hook or "").removeprefix(HOOK_FOLDER)
    plain: dict[str, Any] = {
        "mode": response.mode,
        "idle_minutes": policy.idle_minutes,
        "warning_minutes": policy.warning_minutes,
        "signals": list(policy.signals),
        "thresholds": [
            thresholds.gpu_percent,
            thresholds.cpu_core_percent,
            thresholds.disk_kib_per_second,
            thresholds.network_kib_per_second,
        ],
    }
    if response.keep_until:
        plain["keep_until"] = to_epoch_seconds(response.keep_until)
    if response.warning:
        plain["warning"] = [
            response.warning.id,
            response.warning.warning_type,
            to_epoch_seconds(response.warning.stop_at),
        ]
    if response.keep_result:
        plain["keep_result"] = [
            response.keep_result.id,
            response.keep_result.granted,
            response.keep_result.message[: MAX_KEEP_MESSAGE_LENGTH - len(hook)],
        ]
    if hook:
        plain["before_stop_hook"] = hook
    return plain


def _decode_fields(plain: Mapping[str, Any]) -> HeartbeatResponse:
    gpu, cpu, disk, network = plain["thresholds"]
    warning, keep_result = plain.get("warning"), plain.get("keep_result")
    return HeartbeatResponse(
        mode=str(plain["mode"]),
        policy=IdlePolicy(
            idle_minutes=int(plain["idle_minutes"]),
            warning_minutes=int(plain["warning_minutes"]),
            signals=tuple(str(name) for name in plain["signals"]),
            thresholds=Thresholds(
                gpu_percent=int(gpu),
                cpu_core_percent=int(cpu),
                disk_kib_per_second=int(disk),
                network_kib_per_second=int(network),
            ),
        ),
        keep_until=from_epoch_seconds(int(plain["keep_until"])) if "keep_until" in plain else None,
        warning=ActiveWarning(
            id=str(warning[0]), warning_type=str(warning[1]), stop_at=from_epoch_seconds(int(warning[2]))
        )
        if warning
        else None,
        keep_result=KeepResult(id=str(keep_result[0]), granted=bool(keep_result[1]), message=str(keep_result[2]))
        if keep_result
        else None,
        before_stop_hook=HOOK_FOLDER + str(plain["before_stop_hook"]) if "before_stop_hook" in plain else None,
    )
