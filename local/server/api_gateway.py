"""What API Gateway does before and after the function: routes by path, makes the event, takes the answer.

It builds on `chalice local`, which answers unknown routes and OPTIONS in ways of its own, past the app.
"""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalice.app import Chalice, Response
from chalice.local import LambdaContext, LambdaEventConverter, LocalChalice, RouteMatcher

from chalicelib.api import problems
from chalicelib.domain.common.errors import ErrorCode

LOG = logging.getLogger(__name__)

FUNCTION, MEMORY_MIB, TIMEOUT_MS = "gpudesk-dev", 512, 28_000


@dataclass(frozen=True)
class Reply:
    """What goes back over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Gateway:
    """The app's front door; any number of threads may use it at once."""

    def __init__(self, app: Chalice) -> None:
        _one_request_per_thread(app)
        self._app = app
        self._events = LambdaEventConverter(RouteMatcher(list(app.routes)), app.api.binary_types)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Call the function; whatever it does, there is an answer.

        :param target: path and query, as in the request line
        """
        context = LambdaContext(FUNCTION, MEMORY_MIB, TIMEOUT_MS)
        try:
            event = self._events.create_lambda_event(method, target, headers, body)
        except ValueError:
            return _plain(problems.route_not_found(target.partition("?")[0]).to_dict())
        try:
            return _plain(self._app(event, context))
        except Exception:
            LOG.exception("the function failed under request %s", context.aws_request_id)
            return refusal(HTTPStatus.BAD_GATEWAY, "the function failed; its log says how")


def refusal(status: HTTPStatus, detail: str) -> Reply:
    """Problem details for what never reaches the function."""
    body = problems.problem_body(status, detail, code=ErrorCode.REQUEST_REJECTED)
    return _plain(Response(body, {"Content-Type": problems.CONTENT_TYPE}, status).to_dict())


def _plain(answer: dict[str, Any]) -> Reply:
    headers = {name: str(value) for name, value in answer["headers"].items()}
    return Reply(answer["statusCode"], headers, answer["body"].encode("utf-8"))


def _one_request_per_thread(app: Chalice) -> None:
    """A Lambda function has one request at a time, and so has Chalice's `current_request`; threads need one each."""
    if not isinstance(app, LocalChalice):
        app.__class__ = type("ThreadedChalice", (LocalChalice, type(app)), {})
