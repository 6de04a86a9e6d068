"""Roles of gpudesk's functions that share a process: each part of the application runs as the role of a function.

Each part is used by the functions of one role only. A part that another part calls runs as the role of its caller.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import isfunction
from typing import Any, get_type_hints

from chalicelib.control.application import Application
from deploy.api import list_session_endpoints
from deploy.functions import FUNCTIONS
from deploy.names import ResourceNames
from local.aws.core.patches import Patches
from local.aws.iam.attribution import FunctionRole, act_as, get_acting_identity

FUNCTION_OF_PART: Mapping[str, str] = {
    "launches": "api",
    "instances": "api",
    "queries": "api",
    "costs": "api",
    "sessions": "sessions",
    "starts": "api",
    "moves": "api",
    "setup": "api",
    "images": "api",
    "desk": "api",
    "owners": "api",
    "benchmarks": "api",
    "offers": "api",
    "reconciler": "on_instances_stream",
    "image_reconciler": "on_instances_stream",
    "sweep": "sweep",
    "notifications": "deliver_notifications",
    "interruptions": "on_spot_interruption",
    "sweep_watchdog": "check_sweep_health",
    "offer_refresher": "refresh_offers",
    "budget_watch": "check_budgets",
    "quota_requests": "api",
    "quota_request_follower": "follow_quota_requests",
    "foreign": "api",
    "foreign_instance_lister": "list_foreign_instances",
    "adoption_tagger": "tag_for_adoption",
    "catalog_refresher": "refresh_catalog",
    "catalog_updates": "sweep",
}
"""The function, or one of the functions with one role, that uses a part of the application, by part."""

UNATTRIBUTED_PARTS = frozenset({"clock", "settings", "tokens", "rebuild"})
"""Parts that make no calls, and the tokens: an admin creates them, and both functions of the API read them."""


class UnattributedPart(ValueError):
    """A part of the application is in neither list."""


def find_role(names: ResourceNames, function: str) -> FunctionRole:
    """Return the role of a function of the stage."""
    return FunctionRole(names.role(FUNCTIONS[function].role))


def find_route_role(names: ResourceNames, method: str, path: str) -> FunctionRole:
    """Return the role of the function behind a route of the API.

    :param path: as in the routes, such as `/instances/{name}/sessions`
    """
    is_session = any((each.method, each.path) == (method, path) for each in list_session_endpoints())
    return find_role(names, "sessions" if is_session else "api")


def check_parts(parts: Iterable[str]) -> None:
    """Check that each part runs as the role of a function, or needs none.

    :raises UnattributedPart: it is not known which function uses a part
    """
    if unknown := sorted(set(parts) - FUNCTION_OF_PART.keys() - UNATTRIBUTED_PARTS):
        raise UnattributedPart(
            f"It is unknown which function uses {', '.join(unknown)} of the application, so its calls would run as the "
            "administrator. Add it to FUNCTION_OF_PART in local/function_roles.py."
        )


@contextmanager
def attribute_calls(names: ResourceNames) -> Iterator[None]:
    """Make the parts of all applications of this process call AWS as the roles of their functions.

    :raises UnattributedPart: it is not known which function uses a part
    """
    patches = Patches()
    hints = get_type_hints(Application)
    check_parts(hints)
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
