"""Routes of the admin API, and the JSON objects of its requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.api.request_models import RequestModel
from chalicelib.domain.common.strict_json import JsonError, parse_json

ResponseBody = Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    """A method and a path below `/_local/`.

    :param path: regular expression; its groups are the first arguments of the handler
    :param body_model: model of the body, which is the last argument of the handler; None: the request has no body
    """

    method: str
    path: str
    handler: Callable[..., ResponseBody]
    body_model: type[RequestModel] | None = None


def read_fields(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object of the body.

    :raises ValueError: the body is not a JSON object
    """
    text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}"
    try:
        fields = parse_json(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError("The body is not UTF-8.") from error
    except JsonError as error:
        raise ValueError(f"The body {error}.") from error
    if not isinstance(fields, dict):
        raise ValueError("The body must be a JSON object.")
    return fields
