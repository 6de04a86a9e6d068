"""HTTP API that controls the local cloud: `/_local/...`, JSON in requests and responses.

GET  /_local/clock                                  {"now": ..., "speed": 60.0}
POST /_local/clock      {"advance_seconds": 3600} or {"speed": 600}
GET  /_local/calls                                  {"desk": {"ec2:RunInstances": 1}, "machines": {...}}
POST /_local/faults     {"operation", "error_code", "message", "status", "times"}
                        or {"operation", "kind": "drop_response" | "acknowledge_only" | "conflict", "times"}
POST /_local/capacity   {"instance_type", "zone", "instances": 0 or null}
POST /_local/instances/{id}/activity   {"gpu_utilization": [97, 3]}
POST /_local/instances/{id}/events     {"code": "instance-retirement", "not_before", "not_after"?} (ISO 8601)
POST /_local/agents/{id}               {"silent": true}
GET  /_local/mails, /_local/mails/{address}   {"mails": [{"at", "to", "subject", "text", "token"}]}
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock, PacedClock

ResponseBody = Mapping[str, Any]

PREFIX = "/_local/"
DOCUMENTATION = "docs/local-cloud.md"
FAULT_KINDS = ("drop_response", "acknowledge_only", "conflict")


@dataclass(frozen=True, kw_only=True)
class FaultRequest:
    """Body of `POST /_local/faults`: an error code, or one of `FAULT_KINDS`."""

    operation: str
    error_code: str = ""
    message: str = ""
    status: int | None = None
    times: int = 1
    kind: str = ""


class AdminApi:
    """WSGI application for the paths under `/_local/`. It passes every other request on to moto.

    :param moto_app: moto's server
    """

    def __init__(self, cloud: LocalCloud, moto_app: Callable[..., Iterable[bytes]]) -> None:
        """Build the routes."""
        self._cloud = cloud
        self._moto_app = moto_app
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., ResponseBody]], ...] = (
            ("GET", re.compile(r"clock"), self._get_clock),
            ("POST", re.compile(r"clock"), self._set_clock),
            ("GET", re.compile(r"calls"), self._get_calls),
            ("POST", re.compile(r"faults"), self._inject_fault),
            ("POST", re.compile(r"capacity"), self._set_capacity),
            ("POST", re.compile(r"instances/([^/]+)/activity"), self._set_activity),
            ("POST", re.compile(r"instances/([^/]+)/events"), self._schedule_event),
            ("POST", re.compile(r"agents/([^/]+)"), self._set_agent),
            ("GET", re.compile(r"mails(?:/([^/]+))?"), self._list_mails),
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._moto_app(environ, start_response)
        status, body = self._dispatch(environ, path.removeprefix(PREFIX))
        content = json.dumps(body).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        start_response(status, headers)
        return [content]

    def _dispatch(self, environ: Mapping[str, Any], path: str) -> tuple[str, ResponseBody]:
        try:
            for method, pattern, handler in self._routes:
                if method == environ["REQUEST_METHOD"] and (match := pattern.fullmatch(path)):
                    fields = _read_fields(environ)
                    _check_fields(handler, match.groups(), fields)
                    return "200 OK", handler(*match.groups(), **fields)
        except KeyError as error:
            return "404 Not Found", {"error": f"{error.args[0]} does not exist."}
        except (TypeError, ValueError) as error:
            return "400 Bad Request", {"error": str(error)}
        text = f"The local cloud has no {environ['REQUEST_METHOD']} {PREFIX}{path}. See {DOCUMENTATION}."
        return "404 Not Found", {"error": text}

    def _get_clock(self) -> ResponseBody:
        clock = self._cloud.clock
        return {"now": clock.now().isoformat(), "speed": clock.speed if isinstance(clock, PacedClock) else 0}

    def _set_clock(self, advance_seconds: float = 0, speed: float | None = None) -> ResponseBody:
        clock = self._cloud.clock
        if not isinstance(clock, ManualClock | PacedClock):
            raise TypeError("This clock cannot be changed.")
        if speed is not None:
            if not isinstance(clock, PacedClock):
                raise TypeError("This clock has no speed. Send advance_seconds to move it.")
            clock.speed = speed
        clock.advance(timedelta(seconds=advance_seconds))
        self._cloud.tick()
        return self._get_clock()

    def _get_calls(self) -> ResponseBody:
        return {"desk": dict(self._cloud.calls), "machines": dict(self._cloud.machine_calls)}

    def _inject_fault(self, **fields: Any) -> ResponseBody:
        _check_fields(FaultRequest, (), fields)
        fault = FaultRequest(**fields)
        faults = self._cloud.faults
        if fault.kind:
            if fault.kind not in FAULT_KINDS:
                raise ValueError(f"kind must be one of {', '.join(FAULT_KINDS)}, not {fault.kind!r}.")
            getattr(faults, fault.kind)(fault.operation, times=fault.times)
        elif fault.error_code:
            faults.inject(fault.operation, fault.error_code, fault.message, fault.status, fault.times)
        else:
            raise ValueError("A fault needs error_code or kind.")
        return {"ordered": fault.times}

    def _set_capacity(self, instance_type: str, zone: str, instances: int | None = None) -> ResponseBody:
        self._cloud.capacity.set(instance_type, zone, instances)
        return {"instances": instances}

    def _set_activity(self, instance_id: str, gpu_utilization: list[int]) -> ResponseBody:
        self._cloud.machines.set_gpu_utilization(instance_id, gpu_utilization)
        return {"gpu_utilization": gpu_utilization}

    def _set_agent(self, instance_id: str, silent: bool) -> ResponseBody:
        (self._cloud.agents.silence if silent else self._cloud.agents.unsilence)(instance_id)
        return {"silent": silent}

    def _schedule_event(
        self, instance_id: str, code: str, not_before: str, not_after: str | None = None
    ) -> ResponseBody:
        latest = datetime.fromisoformat(not_after) if not_after else None
        return {"event": self._cloud.schedule_event(instance_id, code, datetime.fromisoformat(not_before), latest)}

    def _list_mails(self, address: str | None) -> ResponseBody:
        mails = self._cloud.mailbox.list_mails(address)
        return {"mails": [asdict(mail) | {"at": mail.at.isoformat()} for mail in mails]}


def _read_fields(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object of the body.

    :raises ValueError: the body is not a JSON object
    """
    text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}"
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise ValueError(f"The body is not valid JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise ValueError("The body must be a JSON object.")
    return fields


def _check_fields(handler: Callable[..., Any], path_values: tuple[Any, ...], fields: Mapping[str, Any]) -> None:
    """Check the names of the fields against the parameters of a handler.

    :raises ValueError: a field is unknown or a required one is missing
    """
    parameters = list(inspect.signature(handler).parameters.values())[len(path_values) :]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = [parameter.name for parameter in parameters]
    if unknown := sorted(set(fields) - set(names)):
        raise ValueError(f"Unknown field {', '.join(unknown)}. Known fields: {', '.join(names) or 'none'}.")
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    if missing := [name for name in required if name not in fields]:
        raise ValueError(f"Missing field {', '.join(missing)}.")
