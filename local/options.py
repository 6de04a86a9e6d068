"""What `make run` is told by its environment: ONCE, DEMO, SPEED, PORT, CLOUD_PORT, SIMULATE."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_SPEED = 60.0
MAX_SPEED = 240.0
"""A pretend machine reports four times a second at most; slower than once a cloud minute would count as gaps."""


class BadOption(Exception):
    """A variable says something that cannot be; the message tells what would be right."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run.

    :param once: end after the demo
    :param demo: play the demo before serving
    :param simulate: run no script, even where a sandbox is to be had
    :param speed: the local cloud's seconds per real second
    :param asked_speed: what was asked for, where that is faster than pretend machines can report
    :param port: of the API; 0 for any free one
    :param cloud_port: of the local cloud; 0 for any free one
    """

    once: bool = False
    demo: bool = True
    simulate: bool = False
    speed: float = DEFAULT_SPEED
    asked_speed: float | None = None
    port: int = 8000
    cloud_port: int = 4566

    @property
    def heartbeat_interval(self) -> float:
        """How many of the world's seconds make a cloud minute: a machine reports once in it."""
        return 60 / self.speed


def read_options(environment: Mapping[str, str]) -> Options:
    """:raises BadOption: a variable cannot be read, or two contradict each other"""
    asked = _speed(environment)
    options = Options(
        once=_flag(environment, "ONCE", default=False),
        demo=_flag(environment, "DEMO", default=True),
        simulate=_flag(environment, "SIMULATE", default=False),
        speed=min(asked, MAX_SPEED),
        asked_speed=asked if asked > MAX_SPEED else None,
        port=_port(environment, "PORT", default=8000),
        cloud_port=_port(environment, "CLOUD_PORT", default=4566),
    )
    if options.once and not options.demo:
        raise BadOption("ONCE=1 ends after the demo and DEMO=0 plays none: choose one of them")
    if options.port == options.cloud_port != 0:
        raise BadOption(f"PORT and CLOUD_PORT are both {options.port}: choose another for one of them")
    return options


def _flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environment.get(name, "")
    if text not in ("", "0", "1"):
        raise BadOption(f"{name} is 0 or 1, not {text!r}")
    return text == "1" if text else default


def _port(environment: Mapping[str, str], name: str, *, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) > 65535:
        raise BadOption(f"{name} is a port number from 1 to 65535, or 0 for any free one, not {text!r}")
    return int(text)


def _speed(environment: Mapping[str, str]) -> float:
    text = environment.get("SPEED") or str(DEFAULT_SPEED)
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 10_000:
        raise BadOption(
            f"SPEED is how many seconds pass in the cloud per real second, 1 to {MAX_SPEED:g}, not {text!r}"
        )
    return speed
