"""What a handler gets: the application, and the authenticated and validated request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from chalicelib.api.common_schemas import OwnerQuery, RequestModel
from chalicelib.control.services import Requests
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.clock import Clock
from chalicelib.store.tokens import TokenHolder, TokenRepository

B = TypeVar("B", bound=RequestModel)
Q = TypeVar("Q", bound=OwnerQuery)


class AppContext(Protocol):
    """The part of the application that handlers use; `bootstrap.Application` has it."""

    @property
    def clock(self) -> Clock:
        """The clock of the process."""

    @property
    def tokens(self) -> TokenRepository:
        """The tokens of all callers."""

    @property
    def requests(self) -> Requests:
        """The services that handlers delegate to."""


@dataclass(frozen=True, kw_only=True)
class RequestContext(Generic[B, Q]):
    """An authenticated and validated request.

    :param path_ref: the instance, image or owner that the path names; empty if the path is fixed
    :param headers: a mapping that ignores the case of names
    """

    app: AppContext
    caller: TokenHolder
    actor: Actor
    path_ref: str
    body: B
    query: Q
    headers: Mapping[str, str]
