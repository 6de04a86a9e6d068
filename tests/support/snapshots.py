"""State of a world as bytes, so that tests that begin alike reach their common state once and restore it afterwards.

A state is what moto's backends, the parts of the local cloud, the clock, the machines and the test's world store. The
parts themselves stay, because moto's patches and gpudesk refer to them; their attributes are restored.
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
"""Number of stored states, the most recently used ones. Each has some hundred KB."""

_STAYS = (type(threading.Lock()), type(threading.RLock()), threading.local)
_SHARED: dict[int, Any] = {}
"""Objects that never change (functions, keys) or exist once (moto's services). States share them.

They are stored forever, so that no id is used twice.
"""


class SnapshotError(Exception):
    """The state contains something that cannot be copied: a thread, a socket, an object that a test may hold."""


@dataclass(frozen=True)
class Snapshots:
    """Stores and restores states of its parts.

    :param parts: objects that stay and whose attributes are restored
    :param unchanged_objects: objects that stay unchanged, with all attributes
    :param unchanged_attributes: names of attributes that stay unchanged
    """

    parts: tuple[Any, ...]
    unchanged_objects: tuple[Any, ...] = ()
    unchanged_attributes: tuple[str, ...] = ()

    def take(self) -> bytes:
        """Return the present state.

        :raises SnapshotError: it cannot be copied
        """
        backends = {
            _shared(owner): {account: dict(regions) for account, regions in owner.items()} for owner in _in_use()
        }
        out = io.BytesIO()
        try:
            _Pickler(out, self._references()).dump(([self._knowledge(part) for part in self.parts], backends))
        except (pickle.PicklingError, TypeError, AttributeError) as problem:
            raise SnapshotError(str(problem)) from problem
        return out.getvalue()

    def restore(self, state: bytes) -> None:
        """Restore a state."""
        _target[:] = [*self.unchanged_objects, *self.parts]
        knowledge, backends = pickle.loads(state)
        for part, known in zip(self.parts, knowledge, strict=True):
            stays = {name: value for name, value in vars(part).items() if self._is_kept(name, value)}
            vars(part).clear()
            vars(part).update(known | stays)
        forget_backends()
        for owner, accounts in backends.items():
            for account, regions in accounts.items():
                _SHARED[owner][account].update(regions)

    def _knowledge(self, part: Any) -> dict[str, Any]:
        return {name: value for name, value in vars(part).items() if not self._is_kept(name, value)}

    def _is_kept(self, name: str, value: Any) -> bool:
        return name in self.unchanged_attributes or isinstance(value, _STAYS) or _closes_over_parts(value)

    def _references(self) -> dict[int, tuple[Callable[..., Any], tuple[Any, ...]]]:
        return {id(part): (_part, (number,)) for number, part in enumerate([*self.unchanged_objects, *self.parts])}


def forget_backends() -> None:
    """Clear moto's backends without creating new ones."""
    for owner in _in_use():
        for regions in owner.values():
            regions.clear()


class StateCache:
    """Results of walks by the state from which they started."""

    def __init__(self) -> None:
        self._results: OrderedDict[bytes, tuple[bytes, Any]] = OrderedDict()

    def clear(self) -> None:
        """Forget all results."""
        self._results.clear()

    def reach(self, snapshots: Snapshots, key: object, build: Callable[[], Any]) -> Any:
        """Walk, or restore the state to which the same walk has led from the same state before.

        :param key: identifies the walk
        :returns: result of `build`, which callers must not change
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
        if found is _part or found is _shared_with or found is _default_dict:
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
            return _shared_with, (_shared(found),)
        if type(found).__module__.startswith("tests."):
            raise SnapshotError(f"{found!r} may be in a test's hands")
        return NotImplemented


def _closes_over_parts(value: Any) -> bool:
    return isinstance(value, FunctionType) and bool(value.__closure__) and value.__module__.startswith("local.")


def _in_use() -> Iterable[Any]:
    return list(BackendDict._instances)  # type: ignore[misc]


def _shared(value: Any) -> int:
    _SHARED[id(value)] = value
    return id(value)


def _shared_with(number: int) -> Any:
    return _SHARED[number]


def _default_dict(kind: type[defaultdict[Any, Any]], factory: Callable[[], Any] | None) -> Any:
    """Create a default dict without calling moto's own initializers, which need more arguments."""
    made = kind.__new__(kind)
    defaultdict.__init__(made, factory)
    return made


_target: list[Any] = []
"""Parts of the state that is being restored."""


def _part(number: int) -> Any:
    return _target[number]
