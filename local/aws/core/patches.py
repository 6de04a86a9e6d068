"""Changes to moto's classes and modules that can be taken back."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

_ABSENT = object()


class Patches:
    """What was changed, in order. `undo` leaves everything as it was found."""

    def __init__(self) -> None:
        self._done: list[tuple[type | ModuleType, str, Any]] = []

    def wrap(self, owner: type | ModuleType, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
        """Replace a method or function by what `make` makes of it; `make` gets it as found, perhaps inherited."""
        self._remember(owner, name)
        setattr(owner, name, make(getattr(owner, name)))

    def add(self, owner: type, name: str, method: Callable[..., Any]) -> None:
        """Give the class a method that it may not have."""
        self._remember(owner, name)
        setattr(owner, name, method)

    def undo(self) -> None:
        while self._done:
            owner, name, before = self._done.pop()
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    def _remember(self, owner: type | ModuleType, name: str) -> None:
        self._done.append((owner, name, vars(owner).get(name, _ABSENT)))
