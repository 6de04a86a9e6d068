"""The machine's first process: takes orders from the host, answers the programs inside, and reaps.

Run as `python -m local.machines.inside.init FD ENVIRONMENT`: FD is the control socket, ENVIRONMENT what services see,
as JSON. When the host is gone so is this process, and with it, by the kernel's own rule, every other one inside.
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

from . import meter, processes, wire
from .loop import EventLoop, Timer
from .manager import Manager
from .processes import Program, SupervisedProcess

CONNECT_SECONDS = 2
"""On loopback a connection is taken or refused at once; only a full queue makes it wait."""

HALT_GRACE_SECONDS = 0.5
"""Time between the polite and the final signal when the machine goes down."""


class Init:
    """Orders and questions, each a packet with a verb."""

    def __init__(self, control: socket.socket, environment: Mapping[str, str]) -> None:
        self._control = control
        self._loop = EventLoop()
        self._manager = Manager(self._loop, environment)
        self._running: dict[int, SupervisedProcess] = {}
        self._power: tuple[str, Timer] | None = None
        self._halting = False
        self._over = False

    def run(self) -> None:
        """Until the host says halt, or is gone."""
        self._loop.reap()
        questions = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        questions.bind(wire.SOCKET_PATH)
        Path(wire.SOCKET_PATH).chmod(0o666)
        questions.listen()
        self._loop.watch(questions.fileno(), lambda: self._accept(questions))
        self._loop.watch(self._control.fileno(), self._on_order)
        self._meter()
        self._manager.start_enabled()
        self._tell({"event": "ready"})
        self._loop.run(is_over=lambda: self._over)

    def _meter(self) -> None:
        meter.write()
        self._loop.after(meter.EVERY_SECONDS, self._meter)

    def _on_order(self) -> None:
        received = wire.receive(self._control)
        if received is None:
            self._over = True
            return
        order, files = received
        match order["do"]:
            case "run":
                self._run(order, files)
            case "kill":
                if kept := self._running.get(order["id"]):
                    processes.kill(kept)
            case "connect":
                self._connect(order)
            case "halt":
                self._loop.forget(self._control.fileno())
                self._halt()
            case unknown:
                raise ValueError(unknown)

    def _run(self, order: wire.Message, files: list[int]) -> None:
        """Write the script to its place and run it; the files are the script, standard output, standard error."""
        script, output, errors = files
        number, path = order["id"], Path(order["path"])
        try:
            _write_script(path, script)
        except OSError as error:
            os.write(errors, f"failed to create script file: {error}\n".encode())
            self._tell({"event": "ended", "id": number, "status": 1})
        else:
            program = Program(["sh", "-c", str(path)], order["environment"], order["folder"], (output, errors))
            kept = self._running[number] = processes.start(program, clean_up=False)
            self._loop.watch(kept.report, lambda: self._ended(number, kept))
            self._loop.on_exit(kept.supervisor, lambda: self._gone(number))
        finally:
            os.close(output)
            os.close(errors)

    def _ended(self, number: int, kept: SupervisedProcess) -> None:
        self._loop.forget(kept.report)
        with os.fdopen(kept.report) as report:
            text = report.read()
        status = os.waitstatus_to_exitcode(int(text)) if text else -signal.SIGKILL
        if not self._halting:
            self._tell({"event": "ended", "id": number, "status": status})

    def _gone(self, number: int) -> None:
        self._running.pop(number, None)

    def _connect(self, order: wire.Message) -> None:
        try:
            made = socket.create_connection(("127.0.0.1", order["port"]), timeout=CONNECT_SECONDS)
        except OSError as error:
            self._tell({"event": "refused", "id": order["id"], "why": str(error)})
            return
        with made:
            made.setblocking(True)
            self._tell({"event": "connected", "id": order["id"]}, [made.fileno()])

    def _halt(self) -> None:
        """Ask everything to end, then end, which kills what is left. The agent reports nothing from here on."""
        self._halting = True
        self._manager.shut_down()
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        self._loop.after(HALT_GRACE_SECONDS, self._end)
        self._exit_when_no_children()

    def _exit_when_no_children(self) -> None:
        if processes.descendants(os.getpid()):
            self._loop.after(0.01, self._exit_when_no_children)
        else:
            self._end()

    def _end(self) -> None:
        self._over = True

    def _accept(self, questions: socket.socket) -> None:
        asker, _ = questions.accept()
        self._loop.watch(asker.fileno(), lambda: self._on_question(asker))

    def _on_question(self, asker: socket.socket) -> None:
        self._loop.forget(asker.fileno())
        received = wire.receive(asker)
        if received is None:
            asker.close()
            return
        try:
            self._answer(received[0], asker)
        except (KeyError, TypeError, ValueError) as error:
            self._reply(asker, {"error": f"not understood: {error}"})

    def _answer(self, question: wire.Message, asker: socket.socket) -> None:
        match question["ask"]:
            case "start" | "stop" | "restart" as verb:
                operation = self._manager.operation(verb)
                operation(question["unit"], lambda trouble: self._reply(asker, {"error": trouble}))
            case "show":
                self._reply(asker, self._manager.show(question["unit"]))
            case "names":
                self._reply(asker, {"names": self._manager.names()})
            case "power":
                self._schedule_power(question["how"], question["after"])
                self._reply(asker, {"error": ""})
            case "scheduled":
                self._reply(asker, {"how": self._power[0] if self._power else None})
            case unknown:
                raise ValueError(unknown)

    def _reply(self, asker: socket.socket, message: wire.Message) -> None:
        with contextlib.suppress(OSError), asker:
            wire.send(asker, message)

    def _schedule_power(self, how: str | None, after: float) -> None:
        if self._power:
            self._power[1].cancelled = True
            self._power = None
        if how:
            self._power = how, self._loop.after(after, lambda: self._tell({"event": "power", "how": how}))

    def _tell(self, message: wire.Message, files: list[int] | None = None) -> None:
        try:
            wire.send(self._control, message, files)
        except OSError:
            self._over = True


def _write_script(path: Path, source: int) -> None:
    with os.fdopen(source, "rb") as text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.read())
    path.chmod(0o700)


def main(control_fd: int, environment: Mapping[str, str]) -> None:
    """Be the machine's first process."""
    os.set_inheritable(control_fd, False)
    for folder in (Path("/run"), Path("/tmp")):
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    Path("/run/lock").mkdir()
    os.chdir("/")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Init(socket.socket(fileno=control_fd), environment).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
