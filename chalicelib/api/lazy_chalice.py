"""A Chalice application that registers its routes when they are first needed.

The scheduled functions and the functions of events share `app.py` with the API, and they need none of its models.
"""

from collections.abc import Callable
from typing import Any

from chalice.app import Chalice


class LazyChalice(Chalice):
    """Chalice with routes that are registered at the first access: of a request, of a test or of `chalice package`."""

    def __init__(self, app_name: str, register_routes: Callable[[Chalice], None]) -> None:
        """Create an application without routes.

        :param register_routes: registers all routes; called once
        """
        self._register_routes: Callable[[Chalice], None] | None = None
        super().__init__(app_name=app_name, configure_logs=False)
        self._register_routes = register_routes

    @property
    def routes(self) -> dict[str, dict[str, Any]]:
        """Return the routes by path and method."""
        register, self._register_routes = self._register_routes, None
        if register:
            register(self)
        return self._routes

    @routes.setter
    def routes(self, routes: dict[str, dict[str, Any]]) -> None:
        self._routes = routes
