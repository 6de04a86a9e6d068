"""Roles of gpudesk's functions when they share a process: which part of the application runs as which role.

Each part is used by the functions of one role only. A part that another part calls runs as the role of its caller.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import isfunction
from typing import Any, get_type_hints

from chalicelib.api.sessions.routes import router as sessions_router
from chalicelib.control.application import Application
from deploy.functions import FUNCTIONS
from deploy.names import ResourceNames
from local.aws.core.patches import Patches
from local.aws.iam.attribution import FunctionRole, act_as, get_acting_identity

FUNCTION_OF_PART: Mapping[str, str] = {
    "launches": "api",
    "instances": "api",
    "queries": "api",
    "sessions": "sessions",
    "setup": "api",
    "images": "api",
    "desk": "api",
    "owners": "api",
    "benchmarks": "api",
    "reconciler": "on_instances_stream",
    "image_reconciler": "on_instances_stream",
    "sweep": "sweep",
    "notifications": "deliver_notifications",
    "sweep_watchdog": "check_sweep_health",
}
"""A function that uses a part of the application, by the name of the part."""

UNATTRIBUTED_PARTS = frozenset({"clock", "settings", "tokens"})
"""Parts that make no calls, and the tokens, which an admin creates and every function of the API checks."""


def find_role(names: ResourceNames, function: str) -> FunctionRole:
    """Return the role of a function of the stage."""
    return FunctionRole(names.role(FUNCTIONS[function].role))


def find_route_role(names: ResourceNames, path: str) -> FunctionRole:
    """Return the role of the function behind a route of the API.

    :param path: as in the routes, such as `/instances/{name}/sessions`
    """
    session_paths = {route.endpoint.path for route in sessions_router.routes}
    return find_role(names, "sessions" if path in session_paths else "api")


@contextmanager
def attribute_calls(names: ResourceNames) -> Iterator[None]:
    """Make the parts of all applications of this process call AWS as the roles of their functions."""
    patches = Patches()
    hints = get_type_hints(Application)
    for part, function in FUNCTION_OF_PART.items():
        owner, role = hints[part], find_role(names, function)
        for name, method in list(vars(owner).items()):
            if isfunction(method) and not name.startswith("_"):
                patches.wrap(owner, name, functools.partial(_act_as, role))
    try:
        yield
    finally:
        patches.undo()


def _act_as(role: FunctionRole, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        with act_as(get_acting_identity() or role):
            return original(*arguments, **options)

    return call
