"""Requests of the SDK that moto answers in the same process, without building an HTTP message in between.

For each request moto searches the service of the URL, builds the environment of a WSGI server through werkzeug's test
client, and reads the body as a form. Here the service is found once per URL, and the environment is built directly.
"""

import functools
import io
import re
import sys
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto import backend_index, backends
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, Request, environ_key_for_header
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException

from local.aws.core.patches import Patches

JSON_TYPE = "application/x-amz-json-"
PLAIN_URL = re.compile(r"https://(?P<host>[a-z0-9.-]+\.amazonaws\.com)/")
"""The URL of most calls. All others have a path, a query or another host, and take moto's own way."""

Answer = tuple[int, dict[str, str], Any]
Handler = Callable[[Request, str, Any], Answer]
ProcessRequest = Callable[[BotocoreStubber, AWSPreparedRequest], Any]


def patch(patches: Patches) -> None:
    """Install the shorter way."""
    find = functools.cache(_find_handler)

    def shorten(original: ProcessRequest) -> ProcessRequest:
        def process_request(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
            match = PLAIN_URL.fullmatch(request.url)
            body = request.body.encode() if isinstance(request.body, str) else request.body
            handler = find(request.url) if match else None
            if not match or not handler or not isinstance(body, bytes):
                return original(stubber, request)
            prepared = build_request(request, match["host"], body)
            try:
                return handler(prepared, request.url, prepared.headers)
            except HTTPException as error:
                return error.code, error.get_headers(), error.get_body()

        return process_request

    patches.wrap(BotocoreStubber, "process_request", shorten)


def build_request(request: AWSPreparedRequest, host: str, body: bytes) -> Request:
    """Return the request as a WSGI server would pass it to moto.

    :param request: its URL is that of the host, without path and query
    """
    headers = {
        environ_key_for_header(name): value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    built = Request(
        {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "REQUEST_URI": "/",
            "RAW_URI": "/",
            "SERVER_NAME": host,
            "SERVER_PORT": "443",
            "HTTP_HOST": host,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            PRESERVED_HEADER_NAMES_ENVIRON_KEY: {},
            **headers,
            "CONTENT_LENGTH": str(len(body)),
        }
    )
    if headers.get("CONTENT_TYPE", "").startswith(JSON_TYPE):
        empty: ImmutableMultiDict[str, Any] = ImmutableMultiDict()
        vars(built).update(form=empty, files=empty, stream=io.BytesIO(body))
    return built


def _find_handler(url: str) -> Handler | None:
    """Return the function of moto that answers requests to a URL; None: moto has to find it."""
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(url):
            known: Any = backends.get_backend(service)  # type: ignore[call-overload]
            if not isinstance(known, BackendDict):
                return None
            regions = known[DEFAULT_ACCOUNT_ID]
            backend = regions["us-east-1" if "us-east-1" in regions else "aws"]
            return next((handler for expression, handler in backend.urls.items() if re.match(expression, url)), None)
    return None
