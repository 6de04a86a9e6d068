"""A world's state as bytes: what many tests reach by the same way is reached once, and then put back.

A state is what moto's backends hold and what the parts of the local cloud, the clock, the machines and the test's own
world know. The parts themselves stay, since moto's patches and the desk hold on to them: they are given back what they
knew.
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

MOST = 40
"""So many states are remembered, those that were used last; each is some hundred KB."""

_STAYS = (type(threading.Lock()), type(threading.RLock()), threading.local)
_SHARED: dict[int, Any] = {}
"""What nothing changes (functions, keys) or is one for all (moto's services): states share it.

Kept for good, so that no id becomes another's.
"""


class NoSnapshot(Exception):
    """The state holds what cannot be copied: a thread, a socket, an object that may be in a test's hands."""


@dataclass(frozen=True)
class Snapshots:
    """Takes states of its parts, and puts them back into these or others that were made alike.

    :param parts: what stays and is given back what it knew
    :param apart: what stays as it is, with all that it knows
    :param kept: attributes that stay as they are
    """

    parts: tuple[Any, ...]
    apart: tuple[Any, ...] = ()
    kept: tuple[str, ...] = ()

    def take(self) -> bytes:
        """The state now.

        :raises NoSnapshot: it cannot be copied
        """
        backends = {
            _shared(owner): {account: dict(regions) for account, regions in owner.items()} for owner in _in_use()
        }
        out = io.BytesIO()
        try:
            _Pickler(out, self._references()).dump(([self._knowledge(part) for part in self.parts], backends))
        except (pickle.PicklingError, TypeError, AttributeError) as problem:
            raise NoSnapshot(str(problem)) from problem
        return out.getvalue()

    def put_back(self, state: bytes) -> None:
        """All is as it was when the state was taken."""
        _target[:] = [*self.apart, *self.parts]
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
        return name in self.kept or isinstance(value, _STAYS) or _closes_over_parts(value)

    def _references(self) -> dict[int, tuple[Callable[..., Any], tuple[Any, ...]]]:
        return {id(part): (_part, (number,)) for number, part in enumerate([*self.apart, *self.parts])}


def forget_backends() -> None:
    """Moto's backends are gone; it would make each of them anew only to forget it then."""
    for owner in _in_use():
        for regions in owner.values():
            regions.clear()


class Memory:
    """What became of a state by a certain way."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[bytes, Any]] = OrderedDict()

    def forget(self) -> None:
        """All of it."""
        self._known.clear()

    def go(self, snapshots: Snapshots, way: object, walk: Callable[[], Any]) -> Any:
        """Walk, or be where that way has led from this very state before.

        :param way: what tells this walk from others
        :returns: what `walk` returns, which nobody may change
        """
        try:
            before = hashlib.sha256(repr(way).encode() + snapshots.take()).digest()
        except NoSnapshot:
            return walk()
        if before in self._known:
            self._known.move_to_end(before)
            after, result = self._known[before]
            snapshots.put_back(after)
            return result
        result = walk()
        try:
            self._known[before] = snapshots.take(), result
        except NoSnapshot:
            return result
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return result


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, references: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
        super().__init__(out, protocol=5)
        self._references = references

    def reducer_override(self, found: Any) -> Any:
        """How what is no plain value is written down: a part as its number, what is shared as its id."""
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
            raise NoSnapshot(f"{found!r} may be in a test's hands")
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
    """Without the initializer of moto's own kinds, which wants to know more."""
    made = kind.__new__(kind)
    defaultdict.__init__(made, factory)
    return made


_target: list[Any] = []
"""The parts that a state is just put back into."""


def _part(number: int) -> Any:
    return _target[number]
