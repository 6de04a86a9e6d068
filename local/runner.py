"""Course of `make run`, from the first line of output to the exit status."""

import contextlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from local.aws.core.local_cloud import LocalCloud
from local.clock import PacedClock
from local.demo.narrator import Narrator
from local.demo.poller import StepFailed
from local.demo.scenario import play_demo
from local.exit_status import ExitStatus
from local.machines.host.select_backend import select_backend
from local.machines.host.simulated import SimulatedMachines
from local.options import Options
from local.output import discard
from local.run_folder import RUNS_FOLDER, FolderInUse, RunFolder, claim_run_folder
from local.serving_help import describe_clock, format_help
from local.stack import Fleet, Stack, run_stack

POLL_SECONDS = 0.2

REAL_SCRIPTS = "Scripts really run: each instance is a folder and a sandbox with processes on this computer."
SIMULATED_SCRIPTS = "Scripts are checked but not run, and their results are simulated. {reason}"
"""The first line of every run is one of these two."""


StartStack = Callable[[Options, Fleet, PacedClock, LocalCloud, RunFolder], contextlib.AbstractContextManager[Stack]]
"""Function that starts all parts of a run, and stops them at its end."""


class CannotStart(Exception):
    """This computer lacks something that the run needs. The message says what."""


class OutputClosed(Exception):
    """The program that read the output, such as `head`, has ended."""


def start_in_this_process(
    options: Options, machines: Fleet, clock: PacedClock, cloud: LocalCloud, _: RunFolder
) -> contextlib.AbstractContextManager[Stack]:
    """Start a stack with gpudesk in this process."""
    return run_stack(options, machines, clock, cloud)


def run(options: Options, start_stack: StartStack = start_in_this_process) -> ExitStatus:
    """Run, and return the exit status."""
    with _interrupt_on_signals():
        try:
            return _run_in_folder(options, start_stack)
        except CannotStart as problem:
            _print(str(problem))
            return ExitStatus.CANNOT_START
        except OutputClosed:
            discard(sys.stdout)
            print("The output was closed, so the run ended. All processes have ended.", file=sys.stderr)
            return ExitStatus.OUTPUT_CLOSED


def _run_in_folder(options: Options, start_stack: StartStack) -> ExitStatus:
    with contextlib.ExitStack() as exit_stack:
        try:
            folder = exit_stack.enter_context(claim_run_folder(options.port))
            _configure_logging(folder.log)
        except OSError as problem:
            _print(f"The folder {RUNS_FOLDER}/ is not writable ({problem}). If it belongs to another user, remove it.")
            return ExitStatus.CANNOT_START
        except FolderInUse as problem:
            _print(str(problem))
            return ExitStatus.CANNOT_START
        return _run_with_fleet(options, folder, start_stack)


def _run_with_fleet(options: Options, folder: RunFolder, start_stack: StartStack) -> ExitStatus:
    try:
        clock = PacedClock(options.speed)
        machines, cloud = _build_fleet(options, clock, folder)
        if isinstance(machines, SimulatedMachines):
            _print(SIMULATED_SCRIPTS.format(reason=machines.reason))
        else:
            _print(REAL_SCRIPTS)
        with start_stack(options, machines, clock, cloud, folder) as stack:
            return _play_and_serve(stack, folder)
    except KeyboardInterrupt:
        _print("\nInterrupted. All processes have ended.")
        return ExitStatus.INTERRUPTED


def _build_fleet(options: Options, clock: PacedClock, folder: RunFolder) -> tuple[Fleet, LocalCloud]:
    """Create the machines and their cloud. Each of them needs a reference to the other."""

    def on_power_off(instance_id: str) -> None:
        cloud.record_power_off(instance_id)

    machines: Fleet
    if options.simulate:
        machines = SimulatedMachines("SIMULATE=1 is set.")
    else:
        machines = select_backend(folder.machines, clock.now, on_power_off)
    cloud = LocalCloud(clock, machines)
    if isinstance(machines, SimulatedMachines):
        machines.on_power_off = on_power_off
    return machines, cloud


def _play_and_serve(stack: Stack, folder: RunFolder) -> ExitStatus:
    options = stack.options
    folder.write_token(stack.admin_token)
    _print(
        f"The local cloud {stack.cloud_url} and gpudesk {stack.api_url} are running. {describe_clock(options.speed)}"
    )
    if options.demo:
        narrator = Narrator(stack.clock, _print)
        try:
            play_demo(stack, narrator)
        except StepFailed as problem:
            _print(f"\nThe demo failed after {narrator.elapsed_seconds:.0f} s. {problem} The log is {folder.log}.")
            return ExitStatus.DEMO_FAILED
        if denials := stack.cloud.enforcement.denials:
            _print(f"\nThe demo failed: IAM denied {len(denials)} calls. {denials[0]}. The log is {folder.log}.")
            return ExitStatus.DEMO_FAILED
        _print(f"\nThe demo took {narrator.elapsed_seconds:.0f} s. IAM denied no call.")
    if options.once:
        return choose_exit_status(options, is_real=stack.machines.is_real)
    _print(format_help(stack, folder))
    with contextlib.suppress(KeyboardInterrupt):
        _sleep_until_interrupted()
    _print("\nStopped. All processes have ended, and the state of the local cloud is gone.")
    return ExitStatus.SUCCESS


def _sleep_until_interrupted() -> NoReturn:
    """Sleep in short intervals until KeyboardInterrupt.

    The kernel may deliver a signal to any thread, but Python handles it only in the main thread, when that wakes up.
    """
    while True:
        time.sleep(POLL_SECONDS)


def choose_exit_status(options: Options, *, is_real: bool) -> ExitStatus:
    """Return the exit status after a complete demo.

    :param is_real: whether scripts really ran. A simulation is a success only if SIMULATE=1 is set
    """
    if is_real or options.simulate:
        return ExitStatus.SUCCESS
    _print("Every step succeeded, but no script really ran, so this proves little. Set SIMULATE=1 to accept that.")
    return ExitStatus.ONLY_SIMULATED


@contextlib.contextmanager
def _interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, SIGTERM and SIGHUP, and ignore further ones during the clean-up."""

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous_handlers = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous_handlers, strict=True):
            signal.signal(number, handler)


def _configure_logging(path: Path) -> None:
    """Write the log of gpudesk and of the local cloud to a file, so that the terminal shows only the demo."""
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for name in ("botocore", "urllib3", "werkzeug", "pynamodb"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _print(text: str) -> None:
    """Print at once.

    :raises OutputClosed: the reader of the output has ended
    """
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        raise OutputClosed from error
