"""Environment variables of `make run`: ONCE, DEMO, SPEED, PORT, CLOUD_PORT, SIMULATE, REGIONS."""

from collections.abc import Mapping
from dataclasses import dataclass

import botocore.session

DEFAULT_SPEED = 60.0
MAX_SPEED = 240.0
"""Highest speed at which heartbeats arrive in time.

A machine of the local cloud sends at most four heartbeats per real second, and gpudesk expects one per cloud minute. At
a higher speed, activity would always be unknown.
"""

EXAMPLE_REGIONS = "us-west-2,eu-central-1"


class BadOption(Exception):
    """A variable has an invalid value. The message says which values are valid."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of one run.

    :param once: end after the demo
    :param demo: play the demo before serving
    :param simulate: simulate scripts, even if this computer can run a sandbox
    :param speed: seconds of the cloud's clock per real second
    :param port: port of the API; 0 means any free port
    :param cloud_port: port of the local cloud; 0 means any free port
    :param regions: regions in which gpudesk is set up, the home region first; empty: those of the kind of run
    """

    once: bool = False
    demo: bool = True
    simulate: bool = False
    speed: float = DEFAULT_SPEED
    port: int = 8000
    cloud_port: int = 4566
    regions: tuple[str, ...] = ()

    @property
    def heartbeat_interval_seconds(self) -> float:
        """Return the real seconds between two heartbeats, which are one minute apart on the cloud's clock."""
        return 60 / self.speed


def read_options(environment: Mapping[str, str]) -> Options:
    """Return the options that environment variables set.

    :raises BadOption: a value is invalid, or two values contradict each other
    """
    options = Options(
        once=_read_flag(environment, "ONCE", default=False),
        demo=_read_flag(environment, "DEMO", default=True),
        simulate=_read_flag(environment, "SIMULATE", default=False),
        speed=_read_speed(environment),
        port=_read_port(environment, "PORT", default=8000),
        cloud_port=_read_port(environment, "CLOUD_PORT", default=4566),
        regions=_read_regions(environment),
    )
    if options.once and not options.demo:
        raise BadOption("ONCE=1 ends after the demo, but DEMO=0 plays no demo. Use only one of them.")
    if options.port == options.cloud_port != 0:
        raise BadOption(f"PORT and CLOUD_PORT are both {options.port}. Choose different ports.")
    return options


def _read_flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environment.get(name, "")
    if text not in ("", "0", "1"):
        raise BadOption(f"{name} must be 0 or 1, not {text!r}.")
    return text == "1" if text else default


def _read_port(environment: Mapping[str, str], name: str, *, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) > 65535:
        raise BadOption(f"{name} must be a port number from 1 to 65535, or 0 for any free port, not {text!r}.")
    return int(text)


def _read_speed(environment: Mapping[str, str]) -> float:
    text = environment.get("SPEED") or str(DEFAULT_SPEED)
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= MAX_SPEED:
        raise BadOption(
            f"SPEED must be a number of cloud seconds per real second from 1 to {MAX_SPEED:g}, not {text!r}."
        )
    return speed


def _read_regions(environment: Mapping[str, str]) -> tuple[str, ...]:
    regions = tuple(dict.fromkeys(environment.get("REGIONS", "").replace(",", " ").split()))
    known = botocore.session.get_session().get_available_regions("ec2") if regions else []
    unknown = [region for region in regions if region not in known]
    if unknown:
        raise BadOption(f"REGIONS must be regions of AWS such as {EXAMPLE_REGIONS}, not {unknown[0]!r}.")
    return regions
