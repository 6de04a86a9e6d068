"""What a handler gets: the application, and the authenticated and validated request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from chalicelib.api.common_schemas import OwnerQuery, RequestModel
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
from chalicelib.control.services.owners import OwnerService
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.sessions import SessionService
from chalicelib.control.services.setup import SetupService
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
    def launches(self) -> LaunchService:
        """Launches of instances."""

    @property
    def instances(self) -> InstanceService:
        """Changes of instances: stop, start, keep, terminate, update."""

    @property
    def queries(self) -> QueryService:
        """Reads of instances, costs and health."""

    @property
    def sessions(self) -> SessionService:
        """Sessions on instances."""

    @property
    def setup(self) -> SetupService:
        """Setups that are run again or added."""

    @property
    def images(self) -> ImageService:
        """Images of instances."""

    @property
    def desk(self) -> DeskService:
        """The desk settings, the recipes and the catalog."""

    @property
    def owners(self) -> OwnerService:
        """The settings of owners."""

    @property
    def benchmarks(self) -> BenchmarkService:
        """GPU benchmarks."""


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
