"""Stored states of a test world, so that tests with equal beginnings compute their common state only once.

A state contains the attributes of moto's backends, the parts of the local cloud, the clock, the machines and the world.
The objects themselves remain, because moto's patches and gpudesk refer to them. Only their attributes are restored.
"""

import hashlib
import io
import pickle
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from moto.core.base_backend import BackendDict

MAX_STATES = 40
"""Maximum number of stored states. Each has some hundred KB. The least recently used one is dropped first."""

_UNCHANGED_TYPES = (type(threading.Lock()), type(threading.RLock()), threading.local, threading.Event)
_SHARED: dict[int, Any] = {}
"""Objects by id that never change (functions, keys) or exist once (moto's services). States refer to them by id.

They are never removed, so that Python gives their ids to no other object.
"""


class SnapshotError(Exception):
    """The state contains an object that cannot be copied: a thread, a socket, an object of a test."""


@dataclass(frozen=True)
class Snapshots:
    """Stores and restores states of its parts.

    :param parts: objects whose attributes are restored
    :param unchanged_objects: objects that are not restored
    :param unchanged_attributes: names of attributes of `parts` that are not restored
    """

    parts: tuple[Any, ...]
    unchanged_objects: tuple[Any, ...] = ()
    unchanged_attributes: tuple[str, ...] = ()

    def take(self) -> bytes:
        """Return the current state.

        :raises SnapshotError: the state contains an object that cannot be copied
        """
        backends = {
            _share(owner): {account: dict(regions) for account, regions in owner.items()} for owner in _list_backends()
        }
        out = io.BytesIO()
        try:
            _Pickler(out, self._references()).dump(([self._read_attributes(part) for part in self.parts], backends))
        except (pickle.PicklingError, TypeError, AttributeError) as problem:
            raise SnapshotError(str(problem)) from problem
        return out.getvalue()

    def restore(self, state: bytes) -> None:
        """Restore a state."""
        _target[:] = [*self.unchanged_objects, *self.parts]
        stored_parts, backends = pickle.loads(state)
        for part, stored in zip(self.parts, stored_parts, strict=True):
            unchanged = {name: value for name, value in vars(part).items() if self._is_unchanged(name, value)}
            vars(part).clear()
            vars(part).update(stored | unchanged)
        forget_backends()
        for owner, accounts in backends.items():
            for account, regions in accounts.items():
                _SHARED[owner][account].update(regions)

    def _read_attributes(self, part: Any) -> dict[str, Any]:
        return {name: value for name, value in vars(part).items() if not self._is_unchanged(name, value)}

    def _is_unchanged(self, name: str, value: Any) -> bool:
        return name in self.unchanged_attributes or isinstance(value, _UNCHANGED_TYPES) or _closes_over_parts(value)

    def _references(self) -> dict[int, tuple[Callable[..., Any], tuple[Any, ...]]]:
        return {id(part): (_part, (number,)) for number, part in enumerate([*self.unchanged_objects, *self.parts])}


def forget_backends() -> None:
    """Clear moto's backends without creating new ones."""
    for owner in _list_backends():
        for regions in owner.values():
            regions.clear()


class StateCache:
    """States and results that `build` functions have led to, by the state from which they started."""

    def __init__(self) -> None:
        self._results: OrderedDict[bytes, tuple[bytes, Any]] = OrderedDict()

    def clear(self) -> None:
        """Remove all results."""
        self._results.clear()

    def reach(self, snapshots: Snapshots, key: object, build: Callable[[], Any]) -> Any:
        """Call `build`, or restore the state to which an earlier call has led from an equal state.

        :param key: identifies `build`
        :returns: result of `build`. Callers must not change it.
        """
        try:
            before = hashlib.sha256(repr(key).encode() + snapshots.take()).digest()
        except SnapshotError:
            return build()
        if before in self._results:
            self._results.move_to_end(before)
            after, result = self._results[before]
            snapshots.restore(after)
            return result
        result = build()
        try:
            self._results[before] = snapshots.take(), result
        except SnapshotError:
            return result
        if len(self._results) > MAX_STATES:
            self._results.popitem(last=False)
        return result


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, references: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
        super().__init__(out, protocol=5)
        self._references = references

    def reducer_override(self, found: Any) -> Any:
        """Store parts as numbers and shared objects as ids."""
        if (reference := self._references.get(id(found))) is not None:
            return reference
        if found is _part or found is _get_shared or found is _default_dict:
            return NotImplemented
        if isinstance(found, defaultdict):
            return (
                _default_dict,
                (type(found), found.default_factory),
                getattr(found, "__dict__", None),
                None,
                iter(dict.items(found)),
            )
        if type(found).__name__ == "RSAPrivateKey" or (type(found) is FunctionType and not found.__closure__):
            return _get_shared, (_share(found),)
        if type(found).__module__.startswith("tests."):
            raise SnapshotError(f"{found!r} may be in use by a test")
        return NotImplemented


def _closes_over_parts(value: Any) -> bool:
    return isinstance(value, FunctionType) and bool(value.__closure__) and value.__module__.startswith("local.")


def _list_backends() -> Iterable[Any]:
    return list(BackendDict._instances)  # type: ignore[misc]


def _share(value: Any) -> int:
    _SHARED[id(value)] = value
    return id(value)


def _get_shared(number: int) -> Any:
    return _SHARED[number]


def _default_dict(kind: type[defaultdict[Any, Any]], factory: Callable[[], Any] | None) -> Any:
    """Create a default dict without calling moto's own initializers, which need more arguments."""
    created = kind.__new__(kind)
    defaultdict.__init__(created, factory)
    return created


_target: list[Any] = []
"""Parts of the state that is being restored."""


def _part(number: int) -> Any:
    return _target[number]
