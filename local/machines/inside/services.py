"""The machine's services: started, watched, started again and stopped as systemd does it."""

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
FOLDERS_OF_KINDS = {"Runtime": "/run", "State": "/var/lib", "Cache": "/var/cache", "Logs": "/var/log"}

State = Literal["inactive", "activating", "active", "deactivating", "failed"]
Reply = Callable[[str], None]
"""Called once, with an empty text or with what went wrong in systemctl's words."""


class Service:
    """One unit that was started at least once since boot."""

    def __init__(self, unit: units.Unit, loop: EventLoop, environment: Mapping[str, str]) -> None:
        self.unit = unit
        self.state: State = "inactive"
        self.since = time.time()
        self.status: int | None = None
        self._loop = loop
        self._machine_environment = environment
        self._kept: SupervisedProcess | None = None
        self._starts: list[float] = []
        self._pending_restart: Timer | None = None
        self._on_stopped: list[Reply] = []

    @property
    def main_pid(self) -> int:
        """The main process, 0 where none runs."""
        return self._kept.program if self._kept and self.state in ("active", "activating") else 0

    def start(self, reply: Reply) -> None:
        """Start it unless it runs already."""
        if self.state in ("active", "activating") and self._pending_restart is None:
            reply("")
            return
        self._drop_pending_restart()
        self._starts = [at for at in self._starts if at > time.monotonic() - START_LIMIT_SECONDS]
        if len(self._starts) >= START_LIMIT_BURST:
            self._set("failed")
            self.log("Start request repeated too quickly.")
            reply(self._failure())
            return
        self._starts.append(time.monotonic())
        self._set("activating")
        try:
            environment = self._environment()
        except units.UnitError as error:
            self._set("failed")
            reply(str(error))
            return
        self._run_all(list(self.unit.before), environment, lambda failed: self._start_main(failed, environment, reply))

    def stop(self, reply: Reply) -> None:
        """Ask it to end, and kill it where it does not in time."""
        self._drop_pending_restart()
        kept = self._kept
        if kept is None:
            if self.state != "failed":
                self._set("inactive")
            reply("")
            return
        self._on_stopped.append(reply)
        self._set("deactivating")
        for pid in processes.descendants(kept.supervisor):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        timer = self._loop.after(self.unit.stop_within, lambda: processes.kill(kept))
        self._on_stopped.append(lambda _: setattr(timer, "cancelled", True))

    def log(self, text: str) -> None:
        """A line of systemd's own in the service's log."""
        LOG_FOLDER.mkdir(parents=True, exist_ok=True)
        with (LOG_FOLDER / f"{self.unit.name}.log").open("a") as file:
            file.write(f"systemd[1]: {self.unit.name}: {text}\n")

    def _start_main(self, failed: bool, environment: Mapping[str, str], reply: Reply) -> None:
        if failed:
            self._set("failed")
            return reply(self._failure())
        if self.unit.kind == "oneshot":
            return self._run_all(list(self.unit.main), environment, lambda bad: self._oneshot_ended(bad, reply))
        self._launch(self.unit.main[0], environment, self._main_ended)
        self._set("active")
        return reply("")

    def _oneshot_ended(self, failed: bool, reply: Reply) -> None:
        self._kept = None
        if failed:
            self._set("failed")
        else:
            self._set("active" if self.unit.remain else "inactive")
        self._tell_stopped()
        reply(self._failure() if failed else "")

    def _run_all(
        self, commands: Sequence[units.Command], environment: Mapping[str, str], then: Callable[[bool], None]
    ) -> None:
        """One after the other; `then` gets whether one failed that may not."""
        if not commands:
            return then(False)
        first, *rest = commands

        def ended(status: int) -> None:
            self._kept = None
            if status != 0 and not first.may_fail:
                self.log(f"Control process exited, {_in_words(status)}")
                return then(True)
            return self._run_all(rest, environment, then)

        return self._launch(first, environment, ended)

    def _launch(self, command: units.Command, environment: Mapping[str, str], ended: Callable[[int], None]) -> None:
        LOG_FOLDER.mkdir(parents=True, exist_ok=True)
        log = os.open(LOG_FOLDER / f"{self.unit.name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        folder = environment.get("HOME", "/") if self.unit.folder == "~" else self.unit.folder
        words = units.expand(command.words, environment)
        program = Program(words, environment, folder, (log, log), self.unit.user)
        kept = processes.start(program, clean_up=True)
        os.close(log)
        self._kept = kept
        result: list[int] = []
        self._loop.watch(kept.report, lambda: result.append(self._read_report(kept)))
        self._loop.on_exit(kept.supervisor, lambda: ended(result[0] if result else self._read_report(kept)))

    def _read_report(self, kept: SupervisedProcess) -> int:
        self._loop.forget(kept.report)
        with os.fdopen(kept.report) as report:
            text = report.read()
        return os.waitstatus_to_exitcode(int(text)) if text else -signal.SIGKILL

    def _main_ended(self, status: int) -> None:
        self._kept = None
        self.status = status
        clean = status in (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGPIPE)
        asked = self.state == "deactivating"
        if asked or clean:
            self._set("inactive")
        else:
            self.log(f"Main process exited, {_in_words(status)}")
            self._set("failed")
        if not asked and self.unit.restarts_after("success" if clean else "failure"):
            self._set("activating")
            self._pending_restart = self._loop.after(self.unit.restart_after, self._restart)
        self._tell_stopped()

    def _restart(self) -> None:
        self._pending_restart = None
        self._set("inactive")
        self.start(lambda _: None)

    def _drop_pending_restart(self) -> None:
        if self._pending_restart:
            self._pending_restart.cancelled = True
            self._pending_restart = None
            self._set("inactive")

    def _tell_stopped(self) -> None:
        waiting, self._on_stopped = self._on_stopped, []
        for reply in waiting:
            reply("")

    def _environment(self) -> dict[str, str]:
        environment = dict(self._machine_environment)
        user = self.unit.user
        if user:
            try:
                home = pwd.getpwnam(user).pw_dir
            except KeyError as error:
                raise units.UnitError(self._failure()) from error
            environment |= {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash"}
        for kind, names in self.unit.folders.items():
            for name in names:
                path = Path(FOLDERS_OF_KINDS[kind], name)
                path.mkdir(parents=True, exist_ok=True)
                environment[f"{kind.upper()}_DIRECTORY"] = str(path)
                if user:
                    owner = pwd.getpwnam(user)
                    with contextlib.suppress(OSError):
                        os.chown(path, owner.pw_uid, owner.pw_gid)
        environment |= self.unit.environment
        return environment | units.read_environment_files(self.unit.environment_files)

    def _set(self, state: State) -> None:
        self.state = state
        self.since = time.time()

    def _failure(self) -> str:
        name = self.unit.name
        return (
            f"Job for {name} failed because the control process exited with error code.\n"
            f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.'
        )


def _in_words(status: int) -> str:
    if status < 0:
        return f"code=killed, status={-status}/{signal.Signals(-status).name.removeprefix('SIG')}"
    return f"code=exited, status={status}"
