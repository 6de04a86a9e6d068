"""Answers to calls that the local cloud does not know, in the form of AWS.

moto answers them with an HTML page, or as a service that nobody simulates here: it takes unsigned requests for S3.
"""

import json
import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from local.plugin.signing import CREDENTIAL_SCOPE

LOG = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SERVICES = frozenset(
    {
        "dynamodb",
        "ec2",
        "ec2-instance-connect",
        "iam",
        "logs",
        "pricing",
        "servicequotas",
        "sns",
        "ssm",
        "ssmmessages",
        "sts",
    }
)
"""Signing names of the services that the local cloud has. moto has more, but nothing here extends or checks them."""


@dataclass(frozen=True)
class Refusal:
    """An error with which a call is answered.

    :param query_code: code in the Query protocol, if another one than in the JSON protocols
    """

    status: str
    code: str
    text: str
    query_code: str = ""


UNSIGNED = Refusal(
    "403 Forbidden",
    "MissingAuthenticationToken",
    "Request is missing Authentication Token. This is the local cloud, which answers AWS clients; gpudesk has another "
    "port.",
)
UNKNOWN_SERVICE = Refusal(
    "400 Bad Request", "UnknownOperationException", "The local cloud has no service {service}.", "InvalidAction"
)
UNKNOWN_OPERATION = Refusal(
    "400 Bad Request",
    "UnknownOperationException",
    "The local cloud does not support this operation of {service}.",
    "InvalidAction",
)
FAILED = Refusal("500 Internal Server Error", "InternalFailure", "The local cloud failed. Its log has the traceback.")


class UnknownService(Exception):
    """The request is for a service that moto lacks."""


class Dispatcher(DomainDispatcherApplication):
    """moto's dispatcher, which fails in a recognizable way if there is no such service."""

    def get_backend_for_host(self, host: str | None) -> Any:
        """Return moto's name of the service; None if the host is not known yet.

        :raises UnknownService: moto has no such service
        """
        backend = super().get_backend_for_host(host)
        if host is not None and backend is None:
            raise UnknownService(host)
        return backend


class UnsupportedCalls:
    """WSGI application that answers for `app` if the call is of another service, or if `app` raises.

    :param services: signing names of the services of `app`
    """

    def __init__(self, app: WsgiApp, services: Collection[str] = SERVICES) -> None:
        """Wrap moto's server."""
        self._app = app
        self._services = services

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request. A connection that a fault breaks stays broken."""
        service = find_service(environ)
        if service is None or service not in self._services:
            # An unread body would be taken for the next request of the connection.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _refuse(UNKNOWN_SERVICE if service else UNSIGNED, service or "", environ, start_response)
        try:
            return self._app(environ, start_response)
        except ConnectionError:
            raise
        except UnknownService:
            refusal = UNKNOWN_SERVICE
        except NotImplementedError:
            refusal = UNKNOWN_OPERATION
        except Exception:
            LOG.exception("a call of %s failed", service)
            refusal = FAILED
        return _refuse(refusal, service, environ, start_response)


def find_service(environ: Mapping[str, Any]) -> str | None:
    """Return the signing name of the service; None for a request that is not signed."""
    query = unquote(environ.get("QUERY_STRING", ""))
    match = CREDENTIAL_SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or CREDENTIAL_SCOPE.search(query)
    return match["service"] if match else None


def _refuse(
    refusal: Refusal, service: str, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer with an error in the protocol of the request.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    text = refusal.text.format(service=service)
    content_type, body = _encode(refusal, service, text, environ)
    start_response(refusal.status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]


def _encode(refusal: Refusal, service: str, text: str, environ: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return content type and body."""
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        fields = (b"__type", refusal.code.encode(), b"message", text.encode())
        return "application/cbor", b"\xa2" + b"".join(b"\x79" + len(each).to_bytes(2, "big") + each for each in fields)
    if service == "s3" or environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "text/xml", _build_xml(refusal, service, text).encode()
    return "application/x-amz-json-1.1", json.dumps({"__type": refusal.code, "message": text}).encode()


def _build_xml(refusal: Refusal, service: str, text: str) -> str:
    error = f"<Code>{refusal.query_code or refusal.code}</Code><Message>{escape(text)}</Message>"
    request_id = uuid.uuid4()
    if service == "s3":
        xml = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    elif service == "ec2":
        xml = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        fault = "Receiver" if refusal is FAILED else "Sender"
        xml = (
            f"<ErrorResponse><Error><Type>{fault}</Type>{error}</Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'
