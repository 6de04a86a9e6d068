"""Service of the machine, which is started, watched, restarted and stopped as by systemd."""

import contextlib
import os
import pwd
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from . import processes, units
from .loop import EventLoop, Timer
from .processes import Program, SupervisedProcess

LOG_FOLDER = Path("/var/log/services")
START_LIMIT_BURST = 5
START_LIMIT_SECONDS = 10
FOLDERS_BY_KIND = {"Runtime": "/run", "State": "/var/lib", "Cache": "/var/cache", "Logs": "/var/log"}

State = Literal["inactive", "activating", "active", "deactivating", "failed"]
Reply = Callable[[str], None]
"""Callback that is called once, with an empty text or an error message of systemctl."""


class Service:
    """Unit that was started at least once since the boot.

    :ivar since: time of the last change of `state`
    :ivar status: exit status of the last main process; None before its end
    """

    def __init__(self, unit: units.Unit, loop: EventLoop, environment: Mapping[str, str]) -> None:
        """Create an inactive service."""
        self.unit = unit
        self.state: State = "inactive"
        self.since = time.time()
        self.status: int | None = None
        self._loop = loop
        self._machine_environment = environment
        self._process: SupervisedProcess | None = None
        self._start_times: list[float] = []
        self._pending_restart: Timer | None = None
        self._on_stopped: list[Reply] = []

    @property
    def main_pid(self) -> int:
        """Return the process id of the main process; 0 if none runs."""
        return self._process.program if self._process and self.state in ("active", "activating") else 0

    def start(self, reply: Reply) -> None:
        """Start the service unless it is running."""
        if self.state in ("active", "activating") and self._pending_restart is None:
            reply("")
            return
        self._drop_pending_restart()
        self._start_times = [at for at in self._start_times if at > time.monotonic() - START_LIMIT_SECONDS]
        if len(self._start_times) >= START_LIMIT_BURST:
            self._set_state("failed")
            self.log("Start request repeated too quickly.")
            reply(self._describe_failure())
            return
        self._start_times.append(time.monotonic())
        self._set_state("activating")
        try:
            environment = self._build_environment()
        except units.UnitError as error:
            self._set_state("failed")
            reply(str(error))
            return
        self._run_all(
            list(self.unit.start_pre), environment, lambda failed: self._start_main(failed, environment, reply)
        )

    def stop(self, reply: Reply) -> None:
        """Send SIGTERM to all its processes, and kill them if they do not end in time."""
        self._drop_pending_restart()
        process = self._process
        if process is None:
            if self.state != "failed":
                self._set_state("inactive")
            reply("")
            return
        self._on_stopped.append(reply)
        self._set_state("deactivating")
        for pid in processes.list_descendants(process.supervisor):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        timer = self._loop.call_after(self.unit.stop_timeout, lambda: processes.kill(process))
        self._on_stopped.append(lambda _: timer.cancel())

    def log(self, text: str) -> None:
        """Write a message of systemd to the log of the service."""
        LOG_FOLDER.mkdir(parents=True, exist_ok=True)
        with (LOG_FOLDER / f"{self.unit.name}.log").open("a") as file:
            file.write(f"systemd[1]: {self.unit.name}: {text}\n")

    def _start_main(self, failed: bool, environment: Mapping[str, str], reply: Reply) -> None:
        if failed:
            self._set_state("failed")
            return reply(self._describe_failure())
        if self.unit.service_type == "oneshot":
            return self._run_all(list(self.unit.main), environment, lambda failed: self._end_oneshot(failed, reply))
        self._launch(self.unit.main[0], environment, self._handle_main_end)
        self._set_state("active")
        return reply("")

    def _end_oneshot(self, failed: bool, reply: Reply) -> None:
        self._process = None
        if failed:
            self._set_state("failed")
        else:
            self._set_state("active" if self.unit.remains_after_exit else "inactive")
        self._notify_stopped()
        reply(self._describe_failure() if failed else "")

    def _run_all(
        self, commands: Sequence[units.Command], environment: Mapping[str, str], then: Callable[[bool], None]
    ) -> None:
        """Run commands one after the other. `then` receives whether a command failed that must not fail."""
        if not commands:
            return then(False)
        first, *rest = commands

        def continue_after(status: int) -> None:
            self._process = None
            if status != 0 and not first.may_fail:
                self.log(f"Control process exited, {_format_status(status)}")
                return then(True)
            return self._run_all(rest, environment, then)

        return self._launch(first, environment, continue_after)

    def _launch(self, command: units.Command, environment: Mapping[str, str], on_end: Callable[[int], None]) -> None:
        LOG_FOLDER.mkdir(parents=True, exist_ok=True)
        log = os.open(LOG_FOLDER / f"{self.unit.name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        folder = environment.get("HOME", "/") if self.unit.folder == "~" else self.unit.folder
        words = units.expand(command.words, environment)
        program = Program(words, environment, folder, (log, log), self.unit.user)
        process = processes.start(program, clean_up=True)
        os.close(log)
        self._process = process
        result: list[int] = []
        self._loop.watch(process.report, lambda: result.append(self._read_report(process)))
        self._loop.on_exit(process.supervisor, lambda: on_end(result[0] if result else self._read_report(process)))

    def _read_report(self, process: SupervisedProcess) -> int:
        self._loop.unwatch(process.report)
        with os.fdopen(process.report) as report:
            text = report.read()
        return os.waitstatus_to_exitcode(int(text)) if text else -signal.SIGKILL

    def _handle_main_end(self, status: int) -> None:
        self._process = None
        self.status = status
        is_clean = status in (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGPIPE)
        is_requested = self.state == "deactivating"
        if is_requested or is_clean:
            self._set_state("inactive")
        else:
            self.log(f"Main process exited, {_format_status(status)}")
            self._set_state("failed")
        if not is_requested and self.unit.restarts_after("success" if is_clean else "failure"):
            self._set_state("activating")
            self._pending_restart = self._loop.call_after(self.unit.restart_after, self._restart)
        self._notify_stopped()

    def _restart(self) -> None:
        self._pending_restart = None
        self._set_state("inactive")
        self.start(lambda _: None)

    def _drop_pending_restart(self) -> None:
        if self._pending_restart:
            self._pending_restart.cancel()
            self._pending_restart = None
            self._set_state("inactive")

    def _notify_stopped(self) -> None:
        waiting, self._on_stopped = self._on_stopped, []
        for reply in waiting:
            reply("")

    def _build_environment(self) -> dict[str, str]:
        environment = dict(self._machine_environment)
        user = self.unit.user
        if user:
            try:
                home = pwd.getpwnam(user).pw_dir
            except KeyError as error:
                raise units.UnitError(self._describe_failure()) from error
            environment |= {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash"}
        for kind, names in self.unit.folders.items():
            for name in names:
                path = Path(FOLDERS_BY_KIND[kind], name)
                path.mkdir(parents=True, exist_ok=True)
                environment[f"{kind.upper()}_DIRECTORY"] = str(path)
                if user:
                    owner = pwd.getpwnam(user)
                    with contextlib.suppress(OSError):
                        os.chown(path, owner.pw_uid, owner.pw_gid)
        environment |= self.unit.environment
        return environment | units.read_environment_files(self.unit.environment_files)

    def _set_state(self, state: State) -> None:
        self.state = state
        self.since = time.time()

    def _describe_failure(self) -> str:
        name = self.unit.name
        return (
            f"Job for {name} failed because the control process exited with error code.\n"
            f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.'
        )


def _format_status(status: int) -> str:
    if status < 0:
        return f"code=killed, status={-status}/{signal.Signals(-status).name.removeprefix('SIG')}"
    return f"code=exited, status={status}"
