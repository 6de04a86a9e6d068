"""Answers to calls that the local cloud does not know, in the form of AWS. moto's server answers with an HTML page."""

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from local.plugin.signing import AUTHORIZATION

LOG = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

UNKNOWN_SERVICE = "The local cloud has no service {service}."
UNKNOWN_OPERATION = "The local cloud does not support this operation of {service}."
FAILED = "The local cloud failed. Its log has the traceback."


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
    """WSGI application that answers for `app` if it raises."""

    def __init__(self, app: WsgiApp) -> None:
        """Wrap moto's server."""
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request. A connection that a fault breaks stays broken."""
        service = find_service(environ)
        try:
            return self._app(environ, start_response)
        except ConnectionError:
            raise
        except UnknownService:
            text, is_known = UNKNOWN_SERVICE.format(service=service), True
        except NotImplementedError:
            text, is_known = UNKNOWN_OPERATION.format(service=service), True
        except Exception:
            LOG.exception("a call of %s failed", service)
            text, is_known = FAILED, False
        content_type, body = build_error(environ, service, text, is_known=is_known)
        status = "400 Bad Request" if is_known else "500 Internal Server Error"
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]


def find_service(environ: Mapping[str, Any]) -> str:
    """Return the signing name of the service; "unknown" for a request that is not signed."""
    match = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    return match["service"] if match else "unknown"


def build_error(environ: Mapping[str, Any], service: str, text: str, *, is_known: bool) -> tuple[str, bytes]:
    """Return content type and body of an error in the protocol of the request.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    is_query = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    message, request_id = escape(text), uuid.uuid4()
    if not is_query:
        code = "UnknownOperationException" if is_known else "InternalFailure"
        return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": text}).encode()
    code = "InvalidAction" if is_known else "InternalFailure"
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if service == "ec2":
        xml = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        fault = "Sender" if is_known else "Receiver"
        xml = (
            f"<ErrorResponse><Error><Type>{fault}</Type>{error}</Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    return "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode()
