"""The machine's first process: it handles requests of the host, answers programs inside, and reaps processes.

Usage: `python -m local.machines.inside.init FD ENVIRONMENT`. FD is the control socket, ENVIRONMENT the environment
variables of services as JSON. If the host is gone, this process ends, and then the kernel kills every other process
inside.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from . import cpu_time, processes, wire
from .loop import EventLoop, Timer
from .manager import Manager
from .processes import Program, SupervisedProcess

CONNECT_SECONDS = 2
"""Timeout of a connection on the loopback, which is accepted or refused at once unless the queue is full."""

HALT_GRACE_SECONDS = 0.5
"""Time between SIGTERM and the end of all processes when the machine halts."""


class Init:
    """Handler of requests (from the host) and queries (from programs inside), each of which is one packet."""

    def __init__(self, control: socket.socket, environment: Mapping[str, str]) -> None:
        """Create the event loop and the manager of services."""
        self._control = control
        self._loop = EventLoop()
        self._manager = Manager(self._loop, environment)
        self._running: dict[int, SupervisedProcess] = {}
        self._power: tuple[str, Timer] | None = None
        self._is_halting = False
        self._is_over = False

    def run(self) -> None:
        """Run until the machine has halted at the request of the host, or the host is gone."""
        self._loop.reap()
        queries = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        queries.bind(wire.SOCKET_PATH)
        Path(wire.SOCKET_PATH).chmod(0o666)
        queries.listen()
        self._loop.watch(queries.fileno(), lambda: self._accept(queries))
        self._loop.watch(self._control.fileno(), self._on_request)
        self._write_cpu_time()
        self._manager.start_enabled()
        self._send({"event": "ready"})
        self._loop.run(is_over=lambda: self._is_over)

    def _write_cpu_time(self) -> None:
        cpu_time.write_cpu_time()
        self._loop.call_after(cpu_time.INTERVAL_SECONDS, self._write_cpu_time)

    def _on_request(self) -> None:
        received = wire.receive(self._control)
        if received is None:
            self._is_over = True
            return
        request, files = received
        match request["do"]:
            case "run":
                self._run(request, files)
            case "kill":
                if process := self._running.get(request["id"]):
                    processes.kill_group(process)
            case "connect":
                self._connect(request)
            case "halt":
                self._loop.unwatch(self._control.fileno())
                self._halt()
            case unknown:
                raise ValueError(unknown)

    def _run(self, request: wire.Message, files: list[int]) -> None:
        """Write a script to its path and run it.

        :param files: the script, and the write ends of standard output and standard error
        """
        script, output, errors = files
        number, path = request["id"], Path(request["path"])
        problem = _prepare_script(path, script, request["folder"])
        try:
            if problem:
                self._send({"event": "ended", "id": number, "status": 1, "problem": problem})
                return
            program = Program(["sh", "-c", str(path)], request["environment"], request["folder"], (output, errors))
            process = self._running[number] = processes.start(program, clean_up=False)
            self._loop.watch(process.report, lambda: self._report_end(number, process))
            self._loop.on_exit(process.supervisor, lambda: self._forget_process(number))
        finally:
            os.close(output)
            os.close(errors)

    def _report_end(self, number: int, process: SupervisedProcess) -> None:
        self._loop.unwatch(process.report)
        with os.fdopen(process.report) as report:
            text = report.read()
        status = os.waitstatus_to_exitcode(int(text)) if text else -signal.SIGKILL
        if not self._is_halting:
            self._send({"event": "ended", "id": number, "status": status})

    def _forget_process(self, number: int) -> None:
        self._running.pop(number, None)

    def _connect(self, request: wire.Message) -> None:
        try:
            connection = socket.create_connection(("127.0.0.1", request["port"]), timeout=CONNECT_SECONDS)
        except OSError as error:
            self._send({"event": "refused", "id": request["id"], "reason": str(error)})
            return
        with connection:
            connection.setblocking(True)
            self._send({"event": "connected", "id": request["id"]}, [connection.fileno()])

    def _halt(self) -> None:
        """Send SIGTERM to all processes, wait for a short time, and end. From now on, no result is reported."""
        self._is_halting = True
        self._manager.shut_down()
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        self._loop.call_after(HALT_GRACE_SECONDS, self._set_over)
        self._exit_when_no_children()

    def _exit_when_no_children(self) -> None:
        if processes.list_descendants(os.getpid()):
            self._loop.call_after(0.01, self._exit_when_no_children)
        else:
            self._set_over()

    def _set_over(self) -> None:
        self._is_over = True

    def _accept(self, queries: socket.socket) -> None:
        client, _ = queries.accept()
        self._loop.watch(client.fileno(), lambda: self._on_query(client))

    def _on_query(self, client: socket.socket) -> None:
        self._loop.unwatch(client.fileno())
        received = wire.receive(client)
        if received is None:
            client.close()
            return
        try:
            self._answer_query(received[0], client)
        except (KeyError, TypeError, ValueError) as error:
            self._reply(client, {"error": f"The query is invalid: {error}."})

    def _answer_query(self, query: wire.Message, client: socket.socket) -> None:
        match query["query"]:
            case "start" | "stop" | "restart" as verb:
                operation = self._manager.find_operation(verb)
                operation(query["unit"], lambda problem: self._reply(client, {"error": problem}))
            case "show":
                self._reply(client, self._manager.show(query["unit"]))
            case "names":
                self._reply(client, {"names": self._manager.list_names()})
            case "power":
                self._schedule_power(query["action"], query["after"])
                self._reply(client, {"error": ""})
            case "scheduled":
                self._reply(client, {"action": self._power[0] if self._power else None})
            case unknown:
                raise ValueError(unknown)

    def _reply(self, client: socket.socket, message: wire.Message) -> None:
        with contextlib.suppress(OSError), client:
            wire.send(client, message)

    def _schedule_power(self, action: str | None, after: float) -> None:
        if self._power:
            self._power[1].cancel()
            self._power = None
        if action:
            self._power = action, self._loop.call_after(after, lambda: self._send({"event": "power", "action": action}))

    def _send(self, message: wire.Message, files: list[int] | None = None) -> None:
        try:
            wire.send(self._control, message, files)
        except OSError:
            self._is_over = True


def _prepare_script(path: Path, source: int, folder: str) -> str:
    """Write a script to its path.

    :param folder: working folder of the script
    :returns: why the agent cannot run it, in its words; empty if it can
    """
    with os.fdopen(source, "rb") as text:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.read())
            path.chmod(0o700)
        except OSError as error:
            return f"failed to create script file. {error}"
    if not Path(folder).is_dir():
        return "failed to run commands: fork/exec /usr/bin/sh: no such file or directory"
    return ""


def main(control_fd: int, environment: Mapping[str, str]) -> None:
    """Run as the machine's first process."""
    os.set_inheritable(control_fd, False)
    for folder in (Path("/run"), Path("/tmp")):
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    Path("/run/lock").mkdir()
    os.chdir("/")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Init(socket.socket(fileno=control_fd), environment).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
