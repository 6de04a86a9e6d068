"""HTTP API that controls the local cloud: `/_local/...`, JSON in requests and responses.

GET  /_local/clock                                  {"now": ..., "speed": 60.0}
POST /_local/clock      {"advance_seconds": 3600} or {"speed": 120}
GET  /_local/settings                               {"settings": {"GPUDESK_STAGE": ...}}: the variables of gpudesk
GET  /_local/calls                                  {"desk": {"ec2:RunInstances": 1}, "machines": {...}}
POST /_local/faults     {"operation", "error_code", "message", "status", "times"}
                        or {"operation", "kind": "drop_response" | "acknowledge_only" | "conflict" | "hang", "times"}
                        or {"operation": "TransactWriteItems", "kind": "cancel", "reason", "times"}
                        or {"operation": "SendCommand", "kind": "undeliverable" | "terminated" | "snap_refresh"}
                        or {"operation", "kind": "end_launch", "state_reason": "Client.InternalError", "times"}
                        or {"operation": "OpenDataChannel", "kind": "close_channels"}, which acts at once
GET  /_local/faults                                 {"faults": {"RunInstances": 2}}: those that have not happened yet
DELETE /_local/faults                               removes all that have not happened yet
POST /_local/capacity   {"instance_type", "zone", "instances": 0 or null, "market": "on-demand" or "spot"}
POST /_local/spot_prices {"instance_type", "zone", "usd_per_hour": "0.31"}
POST /_local/quotas     {"region", "code", "vcpus": 0}
GET  /_local/quotas                                 {"limits": [...], "requests": [...]}: limits that were set
POST /_local/quota_requests/{id}       {"status": "APPROVED" | "DENIED" | ...}; APPROVED raises the quota
POST /_local/instance_types {"name": "g9.xlarge", "like": "g5.xlarge", "gpu": "L9", "usd_per_hour": "0.9"}
GET  /_local/instance_types                         {"instance_types": [...]}: those that were added
POST /_local/instances/{id}/activity   {"gpu_utilization": [97, 3]}
POST /_local/instances/{id}/events     {"code": "instance-retirement", "not_before", "not_after"?} (ISO 8601)
POST /_local/instances/{id}/interruption {"is_announced": true, "wins_over_stop": false, "returns_after_seconds"?}
POST /_local/instances/{id}/rebalance
POST /_local/agents/{id}               {"silent": true}
GET  /_local/mails, /_local/mails/{address}   {"mails": [{"at", "to", "subject", "text", "token"}]}
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from chalicelib.api.validation import validate
from chalicelib.domain.common.errors import ValidationFailed
from local.aws.core.admin_bodies import (
    COMMAND_KINDS,
    ActivityBody,
    AgentBody,
    CapacityBody,
    ClockBody,
    EmptyBody,
    EventBody,
    FaultBody,
    InterruptionBody,
    NewTypeBody,
    QuotaBody,
    QuotaRequestBody,
    SpotPriceBody,
    describe_problems,
)
from local.aws.core.admin_requests import ResponseBody, Route, read_fields
from local.aws.core.local_cloud import LocalCloud
from local.aws.ec2.added_types import NewType
from local.aws.ec2.machine_specs import count_gpus
from local.clock import ManualClock, PacedClock

PREFIX = "/_local/"
DOCUMENTATION = "docs/local-cloud.md"


class AdminApi:
    """WSGI application for the paths under `/_local/`. It passes every other request on to moto.

    :param moto_app: moto's server
    """

    def __init__(self, cloud: LocalCloud, moto_app: Callable[..., Iterable[bytes]]) -> None:
        """Build the routes."""
        self._cloud = cloud
        self._moto_app = moto_app
        self._routes: tuple[Route, ...] = (
            Route("GET", "clock", self._get_clock),
            Route("POST", "clock", self._set_clock, ClockBody),
            Route("GET", "settings", self._get_settings),
            Route("GET", "calls", self._get_calls),
            Route("POST", "faults", self._inject_fault, FaultBody),
            Route("GET", "faults", self._list_faults),
            Route("DELETE", "faults", self._clear_faults, EmptyBody),
            Route("POST", "capacity", self._set_capacity, CapacityBody),
            Route("POST", "spot_prices", self._set_spot_price, SpotPriceBody),
            Route("POST", "quotas", self._set_quota, QuotaBody),
            Route("GET", "quotas", self._list_quotas),
            Route("POST", "quota_requests/([^/]+)", self._decide_quota_request, QuotaRequestBody),
            Route("POST", "instance_types", self._add_instance_type, NewTypeBody),
            Route("GET", "instance_types", self._list_instance_types),
            Route("POST", "instances/([^/]+)/activity", self._set_activity, ActivityBody),
            Route("POST", "instances/([^/]+)/events", self._schedule_event, EventBody),
            Route("POST", "instances/([^/]+)/interruption", self._interrupt, InterruptionBody),
            Route("POST", "instances/([^/]+)/rebalance", self._recommend_rebalance, EmptyBody),
            Route("POST", "agents/([^/]+)", self._set_agent, AgentBody),
            Route("GET", "mails(?:/([^/]+))?", self._list_mails),
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
            for route in self._routes:
                if route.method == environ["REQUEST_METHOD"] and (match := re.fullmatch(route.path, path)):
                    bodies = [validate(route.body_model, read_fields(environ))] if route.body_model else []
                    return "200 OK", route.handler(*match.groups(), *bodies)
        except KeyError as error:
            return "404 Not Found", {"error": f"{error.args[0]} does not exist."}
        except ValidationFailed as error:
            return "400 Bad Request", {"error": describe_problems(error)}
        except (TypeError, ValueError) as error:
            return "400 Bad Request", {"error": str(error)}
        text = f"The local cloud has no {environ['REQUEST_METHOD']} {PREFIX}{path}. See {DOCUMENTATION}."
        return "404 Not Found", {"error": text}

    def _get_clock(self) -> ResponseBody:
        clock = self._cloud.clock
        return {"now": clock.now().isoformat(), "speed": clock.speed if isinstance(clock, PacedClock) else 0}

    def _set_clock(self, body: ClockBody) -> ResponseBody:
        clock = self._cloud.clock
        if not isinstance(clock, ManualClock | PacedClock):
            raise TypeError("This clock cannot be changed.")
        if body.speed is not None:
            if not isinstance(clock, PacedClock):
                raise TypeError("This clock has no speed. Send advance_seconds to move it.")
            clock.speed = body.speed
        clock.advance(timedelta(seconds=body.advance_seconds))
        self._cloud.tick()
        return self._get_clock()

    def _get_settings(self) -> ResponseBody:
        return {"settings": self._cloud.settings}

    def _get_calls(self) -> ResponseBody:
        return {"desk": dict(self._cloud.calls), "machines": dict(self._cloud.machine_calls)}

    def _inject_fault(self, body: FaultBody) -> ResponseBody:
        faults = self._cloud.faults
        if body.kind == "close_channels":
            return {"injected": self._cloud.sessions.close_channels()}
        if body.state_reason:
            faults.end_launch(body.state_reason, body.operation, body.times)
        elif body.reason:
            faults.cancel(body.operation, body.reason, times=body.times)
        elif body.kind in COMMAND_KINDS:
            inject = {
                "undeliverable": faults.make_undeliverable,
                "terminated": faults.terminate_commands,
                "snap_refresh": faults.refresh_snap,
            }[body.kind]
            inject(times=body.times)
        elif body.kind:
            inject_into = {
                "drop_response": faults.drop_response,
                "hang": faults.inject_hang,
                "acknowledge_only": faults.acknowledge_only,
                "conflict": faults.inject_conflict,
            }[body.kind]
            inject_into(body.operation, times=body.times)
        else:
            faults.inject(body.operation, body.error_code, body.message, body.status, body.times)
        return {"injected": body.times}

    def _list_faults(self) -> ResponseBody:
        return {"faults": self._cloud.faults.count_pending()}

    def _clear_faults(self, _body: EmptyBody) -> ResponseBody:
        """Remove all faults. A body is refused, because it could mean to remove only some."""
        self._cloud.faults.clear()
        return {}

    def _set_capacity(self, body: CapacityBody) -> ResponseBody:
        self._cloud.capacity.set(body.instance_type, body.zone, body.instances, body.market)
        return {"instances": body.instances}

    def _set_spot_price(self, body: SpotPriceBody) -> ResponseBody:
        self._cloud.spot_prices.set(body.instance_type, body.zone, Decimal(body.usd_per_hour))
        return {"usd_per_hour": body.usd_per_hour}

    def _set_quota(self, body: QuotaBody) -> ResponseBody:
        self._cloud.quotas.set_limit(body.region, body.code, body.vcpus)
        return {"vcpus": body.vcpus}

    def _list_quotas(self) -> ResponseBody:
        limits = [
            {"region": region, "code": code, "vcpus": int(vcpus)}
            for region, code, vcpus in self._cloud.quotas.list_changed_limits()
        ]
        return {"limits": limits, "requests": list(self._cloud.quota_requests.list_all())}

    def _decide_quota_request(self, request_id: str, body: QuotaRequestBody) -> ResponseBody:
        self._cloud.quota_requests.decide(request_id, body.status)
        return {"status": body.status}

    def _add_instance_type(self, body: NewTypeBody) -> ResponseBody:
        new = NewType(name=body.name, like=body.like, gpu=body.gpu, usd_per_hour=Decimal(body.usd_per_hour))
        self._cloud.added_types.add(new)
        return {"name": body.name}

    def _list_instance_types(self) -> ResponseBody:
        added = self._cloud.added_types.list_added()
        return {"instance_types": [asdict(new) | {"usd_per_hour": str(new.usd_per_hour)} for new in added]}

    def _set_activity(self, instance_id: str, body: ActivityBody) -> ResponseBody:
        count = count_gpus(self._cloud.lifecycle.instances[instance_id].instance.instance_type)
        if len(body.gpu_utilization) != count:
            number = len(body.gpu_utilization)
            raise ValueError(f"gpu_utilization must have one number per GPU of {instance_id}: {count}, not {number}.")
        self._cloud.machines.set_gpu_utilization(instance_id, body.gpu_utilization)
        return {"gpu_utilization": body.gpu_utilization}

    def _set_agent(self, instance_id: str, body: AgentBody) -> ResponseBody:
        if instance_id not in self._cloud.lifecycle.instances:
            raise KeyError(instance_id)
        (self._cloud.agents.silence if body.silent else self._cloud.agents.unsilence)(instance_id)
        return {"silent": body.silent}

    def _schedule_event(self, instance_id: str, body: EventBody) -> ResponseBody:
        return {"event": self._cloud.schedule_event(instance_id, body.code, body.not_before, body.not_after)}

    def _interrupt(self, instance_id: str, body: InterruptionBody) -> ResponseBody:
        seconds = body.returns_after_seconds
        at = self._cloud.interrupt(
            instance_id,
            is_announced=body.is_announced,
            wins_over_stop=body.wins_over_stop,
            returns_after=None if seconds is None else timedelta(seconds=seconds),
        )
        return {"interrupts_at": at.isoformat()}

    def _recommend_rebalance(self, instance_id: str, _body: EmptyBody) -> ResponseBody:
        self._cloud.spot_interruptions.recommend_rebalance(instance_id)
        return {}

    def _list_mails(self, address: str | None) -> ResponseBody:
        mails = self._cloud.mailbox.list_mails(address)
        return {"mails": [asdict(mail) | {"at": mail.at.isoformat()} for mail in mails]}
