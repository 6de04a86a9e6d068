"""Attribution: each call belongs to the function, and so to the role, that made it.

On Lambda, each function has a process and the access key of its role. Here several functions share a process and its
SDK clients, so each call that is made while `act_as` is active gets the key of the role:

    with act_as(FunctionRole("gpudesk-dev-control")):
        application.sweep.run()

A client that was created with credentials, such as those of a session, keeps them.
"""

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.credentials import Credentials, ReadOnlyCredentials

from local.aws.core.patches import Patches
from local.aws.sts.assumed_roles import AssumedRoles
from local.aws.sts.role_sessions import SERVICE_SECRET
from local.machines.host.access_keys import build_machine_key

ADMINISTRATOR_KEY = "testing"
"""Access key of the session that tests share."""

ENVIRONMENT = "env"
"""botocore's name for credentials from environment variables, where moto puts its key."""


@dataclass(frozen=True)
class FunctionRole:
    """The role of a function, by its name in IAM."""

    name: str


@dataclass(frozen=True)
class InstanceRole:
    """The role of an instance, with the credentials that EC2 gives the instance."""

    instance_id: str


Identity = FunctionRole | InstanceRole

_acting: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("acting", default=None)


@contextmanager
def act_as(identity: Identity | None) -> Iterator[None]:
    """Make the calls inside as a role of the local cloud.

    :param identity: None: as the administrator
    """
    token = _acting.set(identity)
    try:
        yield
    finally:
        _acting.reset(token)


def get_acting_identity() -> Identity | None:
    """Return the identity that makes the calls of this thread; None: the administrator."""
    return _acting.get()


class Attribution:
    """Extension of the SDK in this process: it signs with the key of the acting role."""

    def __init__(self, roles: AssumedRoles) -> None:
        """Use the role sessions of a local cloud."""
        self._roles = roles

    def patch(self, patches: Patches) -> None:
        """Replace the credentials, and let threads act as the function that has started them."""
        patches.wrap(Credentials, "get_frozen_credentials", self._wrap_get_frozen_credentials)
        patches.wrap(ThreadPoolExecutor, "submit", _wrap_submit)

    def _wrap_get_frozen_credentials(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def get_frozen_credentials(credentials: Any) -> Any:
            identity = _acting.get()
            has_own_credentials = credentials.method != ENVIRONMENT and credentials.access_key != ADMINISTRATOR_KEY
            if identity is None or has_own_credentials:
                return original(credentials)
            if isinstance(identity, InstanceRole):
                key = build_machine_key(identity.instance_id)
            else:
                key = self._roles.open_service_session(identity.name, identity.name).access_key_id
            return ReadOnlyCredentials(key, SERVICE_SECRET, SERVICE_SECRET)

        return get_frozen_credentials


def _wrap_submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def submit(executor: Any, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        return original(executor, contextvars.copy_context().run, function, *arguments, **options)

    return submit
