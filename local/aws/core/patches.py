"""Reversible changes to moto's classes and modules."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

_MISSING = object()


class Patches:
    """List of changes. `undo` reverts all of them."""

    def __init__(self) -> None:
        """Start without changes."""
        self._changes: list[tuple[type | ModuleType, str, Any]] = []
        self._callbacks: list[Callable[[], None]] = []

    def wrap(self, owner: type | ModuleType, name: str, make: Callable[[Any], Any]) -> None:
        """Replace a method, a function or a value by the result of `make`.

        :param make: function that receives the original, which may be inherited
        """
        self._record(owner, name)
        setattr(owner, name, make(getattr(owner, name)))

    def add(self, owner: type, name: str, method: Callable[..., Any]) -> None:
        """Add a method to a class, or replace it."""
        self._record(owner, name)
        setattr(owner, name, method)

    def call_at_undo(self, callback: Callable[[], None]) -> None:
        """Call a function when the changes are reverted, for changes of another kind."""
        self._callbacks.append(callback)

    def undo(self) -> None:
        """Revert all changes, the last one first."""
        while self._callbacks:
            self._callbacks.pop()()
        while self._changes:
            owner, name, before = self._changes.pop()
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    def _record(self, owner: type | ModuleType, name: str) -> None:
        self._changes.append((owner, name, vars(owner).get(name, _MISSING)))
