"""The authenticated and validated request that a handler gets, with the application that it uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.api.request_models import OwnerQuery, RequestModel
from chalicelib.control.application import Application
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.access.token_holder import TokenHolder

B = TypeVar("B", bound=RequestModel)
Q = TypeVar("Q", bound=OwnerQuery)


@dataclass(frozen=True, kw_only=True)
class RequestContext(Generic[B, Q]):
    """An authenticated and validated request.

    :param path_ref: the instance, image or owner that the path names; empty if the path is fixed
    :param headers: a mapping that ignores the case of names
    """

    app: Application
    caller: TokenHolder
    actor: Actor
    path_ref: str
    body: B
    query: Q
    headers: Mapping[str, str]
