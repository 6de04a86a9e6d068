"""Sweep twice and print what each sweep cost. Run by `__main__` as a process; imports nothing of the local cloud."""

import json
import resource
import sys
from datetime import datetime, timedelta

PATIENCE_SECONDS = 900.0


def measure_cpu_seconds() -> float:
    """Return the CPU seconds of this process, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure_peak_mb() -> float:
    """Return the highest resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


class FrozenClock:
    """The time of the cloud, which does not pass during the measurement."""

    def __init__(self, now: datetime) -> None:
        """Show this time."""
        self._now = now

    def now(self) -> datetime:
        """Return the time of the cloud."""
        return self._now

    def scale_script_timeout(self, timeout: timedelta) -> timedelta:
        """Return the timeout unchanged."""
        return timeout


def run(now: datetime, sweeps: int) -> None:
    """Sweep, and print a line of JSON after the start and after each sweep. Each line waits for one of the input."""
    # The imports are part of the measured start.
    from chalicelib import bootstrap  # noqa: PLC0415
    from chalicelib.aws.clients import build_client_sets, build_config  # noqa: PLC0415
    from chalicelib.settings import read_settings  # noqa: PLC0415
    from chalicelib.store.connections import get_connection  # noqa: PLC0415

    # The local cloud is much slower than AWS.
    clients = build_client_sets(loop_config=build_config(PATIENCE_SECONDS, PATIENCE_SECONDS))
    get_connection().set_loop_read_timeout(PATIENCE_SECONDS)
    sweep = bootstrap.build_application(FrozenClock(now), read_settings(), clients=clients).sweep
    print(json.dumps({"cpu_seconds": measure_cpu_seconds()}), flush=True)
    for _ in range(sweeps):
        sys.stdin.readline()
        before = measure_cpu_seconds()
        report = sweep.run(seconds_left=PATIENCE_SECONDS)
        assert not any(name.partition(".")[0] in ("local", "moto") for name in sys.modules)
        print(
            json.dumps(
                {
                    "cpu_seconds": measure_cpu_seconds() - before,
                    "peak_mb": measure_peak_mb(),
                    "examined": report.examined,
                    "failed": len(report.failed) + len(report.unavailable_regions),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    run(datetime.fromisoformat(sys.argv[1]), int(sys.argv[2]))
