"""The handles of the local cloud over HTTP, for people and other processes: `/_local/...`, JSON both ways.

GET  /_local/clock                                  {"now": ..., "speed": 60.0}
POST /_local/clock      {"advance_seconds": 3600} or {"speed": 600}
GET  /_local/calls                                  {"desk": {"ec2:RunInstances": 1}, "machines": {...}}
POST /_local/faults     {"operation", "error_code", "message", "status", "times"}
                        or {"operation", "kind": "drop_response" | "acknowledge_only" | "conflict", "times"}
POST /_local/capacity   {"instance_type", "zone", "instances": 0 or null}
POST /_local/instances/{id}/activity   {"gpu_utilisation": [97, 3]}
POST /_local/instances/{id}/events     {"code": "instance-retirement", "not_before", "not_after"?} (ISO 8601)
POST /_local/agents/{id}               {"silent": true}
GET  /_local/mails, /_local/mails/{address}   {"mails": [{"at", "to", "subject", "text", "token"}]}
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock, PacedClock

Answer = Mapping[str, Any]

PREFIX = "/_local/"
FAULT_KINDS = ("drop_response", "acknowledge_only", "conflict")


class AdminApi:
    """One WSGI application in front of moto's, which gets all other paths."""

    def __init__(self, cloud: LocalCloud, behind: Callable[..., Iterable[bytes]]) -> None:
        self._cloud = cloud
        self._behind = behind
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Answer]], ...] = (
            ("GET", re.compile(r"clock"), self._clock),
            ("POST", re.compile(r"clock"), self._set_clock),
            ("GET", re.compile(r"calls"), self._calls),
            ("POST", re.compile(r"faults"), self._order),
            ("POST", re.compile(r"capacity"), self._capacity),
            ("POST", re.compile(r"instances/([^/]+)/activity"), self._activity),
            ("POST", re.compile(r"instances/([^/]+)/events"), self._schedule),
            ("POST", re.compile(r"agents/([^/]+)"), self._agent),
            ("GET", re.compile(r"mails(?:/([^/]+))?"), self._mails),
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._behind(environ, start_response)
        status, answer = self._answer(environ, path.removeprefix(PREFIX))
        content = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        start_response(status, headers)
        return [content]

    def _answer(self, environ: Mapping[str, Any], path: str) -> tuple[str, Answer]:
        try:
            body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
            for method, pattern, handler in self._routes:
                if method == environ["REQUEST_METHOD"] and (match := pattern.fullmatch(path)):
                    return "200 OK", handler(*match.groups(), **body)
        except KeyError as error:
            return "404 Not Found", {"error": f"there is no {error.args[0]}"}
        except (TypeError, ValueError) as error:
            return "400 Bad Request", {"error": str(error)}
        return "404 Not Found", {"error": f"the local cloud has no {PREFIX}{path}; see {__name__}"}

    def _clock(self) -> Answer:
        clock = self._cloud.clock
        return {"now": clock.now().isoformat(), "speed": clock.speed if isinstance(clock, PacedClock) else 0}

    def _set_clock(self, advance_seconds: float = 0, speed: float | None = None) -> Answer:
        clock = self._cloud.clock
        if not isinstance(clock, ManualClock | PacedClock):
            raise TypeError("this clock goes its own way")
        if speed is not None:
            if not isinstance(clock, PacedClock):
                raise TypeError("a clock that is moved by hand has no speed")
            clock.speed = speed
        clock.advance(timedelta(seconds=advance_seconds))
        self._cloud.tick()
        return self._clock()

    def _calls(self) -> Answer:
        return {"desk": dict(self._cloud.calls), "machines": dict(self._cloud.calls_of_machines)}

    def _order(
        self,
        operation: str,
        error_code: str = "",
        message: str = "",
        status: int | None = None,
        times: int = 1,
        kind: str = "",
    ) -> Answer:
        faults = self._cloud.faults
        if kind:
            if kind not in FAULT_KINDS:
                raise ValueError(f"a kind is one of {', '.join(FAULT_KINDS)}, not {kind!r}")
            getattr(faults, kind)(operation, times=times)
        elif error_code:
            faults.inject(operation, error_code, message, status, times)
        else:
            raise ValueError("a fault needs an error_code or a kind")
        return {"ordered": times}

    def _capacity(self, instance_type: str, zone: str, instances: int | None = None) -> Answer:
        self._cloud.capacity.set(instance_type, zone, instances)
        return {"instances": instances}

    def _activity(self, instance_id: str, gpu_utilisation: list[int]) -> Answer:
        self._cloud.machines.set_gpu_utilisation(instance_id, gpu_utilisation)
        return {"gpu_utilisation": gpu_utilisation}

    def _agent(self, instance_id: str, silent: bool) -> Answer:
        (self._cloud.agents.silence if silent else self._cloud.agents.speak)(instance_id)
        return {"silent": silent}

    def _schedule(self, instance_id: str, code: str, not_before: str, not_after: str | None = None) -> Answer:
        until = datetime.fromisoformat(not_after) if not_after else None
        return {"event": self._cloud.schedule_event(instance_id, code, datetime.fromisoformat(not_before), until)}

    def _mails(self, address: str | None) -> Answer:
        return {"mails": [asdict(mail) | {"at": mail.at.isoformat()} for mail in self._cloud.mailbox.mails(address)]}
