"""One run from its first line to its exit status."""

import contextlib
import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from local.aws.core.local_cloud import LocalCloud
from local.clock import PacedClock
from local.demo.narrator import Narrator
from local.demo.poller import StepTimedOut
from local.demo.scenario import play
from local.machines.host.select_backend import select_backend
from local.machines.host.simulated import SimulatedMachines
from local.options import MAX_SPEED, Options
from local.run_folder import HOME, FolderInUse, RunFolder, claim_run_folder
from local.serving_help import help_text
from local.stack import Fleet, Stack, running

ALL_IS_WELL, NOT_HAPPENED, CANNOT_START, ONLY_SIMULATED, INTERRUPTED = 0, 1, 2, 3, 130

NAP_SECONDS = 0.2

REAL = "Scripts really run here: each pretend instance is a folder and processes in a sandbox of this computer."
SIMULATED = "Scripts are only parsed here, and their outcome is simulated: {why}"
"""The first line of every run, one or the other."""


def run(options: Options) -> int:
    """:returns: the exit status, as `run.py` tells"""
    with _terminable():
        return _show(options)


def _show(options: Options) -> int:
    with contextlib.ExitStack() as held:
        try:
            folder = held.enter_context(claim_run_folder(options.port))
            _log_to(folder.log)
        except OSError as problem:
            _say(f"{HOME}/ cannot be written ({problem}): if an earlier run was another user's, remove it.")
            return CANNOT_START
        except FolderInUse as problem:
            _say(str(problem))
            return CANNOT_START
        return _run(options, folder)


def _run(options: Options, folder: RunFolder) -> int:
    try:
        clock = PacedClock(options.speed)
        machines, cloud = _fleet(options, clock, folder)
        _say(SIMULATED.format(why=machines.why) if isinstance(machines, SimulatedMachines) else REAL)
        with running(options, machines, clock, cloud) as stack:
            return _play_and_serve(stack, folder)
    except KeyboardInterrupt:
        _say("\nInterrupted. Everything has ended.")
        return INTERRUPTED


def _fleet(options: Options, clock: PacedClock, folder: RunFolder) -> tuple[Fleet, LocalCloud]:
    """Machines and the cloud that they are part of: each has to hear of the other."""

    def powered_off(instance_id: str) -> None:
        cloud.powered_off(instance_id)

    machines: Fleet
    if options.simulate:
        machines = SimulatedMachines("it was asked for with SIMULATE=1.")
    else:
        machines = select_backend(folder.machines, clock.now, powered_off)
    cloud = LocalCloud(clock, machines)
    if isinstance(machines, SimulatedMachines):
        machines.on_power_off = powered_off
    return machines, cloud


def _play_and_serve(stack: Stack, folder: RunFolder) -> int:
    options = stack.options
    folder.write_token(stack.admin_token)
    _say(f"Local cloud {stack.cloud_url}, desk {stack.api_url}; {options.speed:g} cloud seconds pass in a real one.")
    if options.asked_speed:
        _say(f"(SPEED={options.asked_speed:g} is faster than pretend machines can report: {MAX_SPEED:g} it is.)")
    if options.demo:
        narrator = Narrator(stack.clock, _say)
        try:
            play(stack, narrator)
        except StepTimedOut as problem:
            _say(f"\nThe demo broke off after {narrator.seconds:.0f} s. {problem}. See also {folder.log}.")
            return NOT_HAPPENED
        _say(f"\nThe whole demo took {narrator.seconds:.0f} s.")
    if options.once:
        return exit_status_after_demo(options, is_real=stack.machines.is_real)
    _say(help_text(stack, folder))
    with contextlib.suppress(KeyboardInterrupt):
        _sleep_for_ever()
    _say("\nGood-bye: nothing is left running.")
    return ALL_IS_WELL


def _sleep_for_ever() -> NoReturn:
    """In short naps: the kernel may hand a signal to any thread, and only this one, once awake, acts on it."""
    while True:
        time.sleep(NAP_SECONDS)


def exit_status_after_demo(options: Options, *, is_real: bool) -> int:
    """A simulation counts only where it was asked for."""
    if is_real or options.simulate:
        return ALL_IS_WELL
    _say("Every step happened, but no script really ran, so this proves little: SIMULATE=1 accepts that.")
    return ONLY_SIMULATED


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run in the same way; a second one does not disturb the first one's work."""

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _log_to(path: Path) -> None:
    """Write the log of gpudesk and of the local cloud to a file; the terminal shows the demo."""
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for noisy in ("botocore", "urllib3", "werkzeug", "pynamodb"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _say(text: str) -> None:
    print(text, flush=True)
