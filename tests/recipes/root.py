"""A real root of a real distribution, in a folder: real apt, real users, real pip; systemctl alone is a stand-in.

Its programs see this computer's network and nothing else of it. Needs root, debootstrap, util-linux.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from local.machines.agent.agent import run_document
from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.host.interface import Invocation, InvocationResult
from ssm_documents.compose import compose

SUITE = "bookworm"
INCLUDED = "ca-certificates,curl,python3"
"""What Ubuntu's image for the cloud has and the smallest Debian has not."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEEP = """
mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" &&
exec chroot "$0" sh -c "echo ready && exec sleep infinity"
"""

SYSTEMCTL = """#!/bin/bash
# A stand-in: one process per unit, as its user, with its directory, environment and log.
unit=${*: -1}
file=/etc/systemd/system/$unit pid=/run/$unit.pid
value() { sed -n "s/^$1=-\\{0,1\\}//p" "$file"; }
case $1 in
daemon-reload | enable) ;;
is-active) [ -s "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null ;;
restart)
  if [ -s "$pid" ]; then kill "$(cat "$pid")" 2>/dev/null; fi
  cd "$(value WorkingDirectory)" || exit 1
  set -a
  eval "$(value Environment)"
  . "$(value EnvironmentFile)"
  set +a
  read -ra words <<<"$(value ExecStart)"
  export HOME=/home/$(value User)
  setsid /usr/sbin/runuser -u "$(value User)" -- "${words[@]}" >"/var/log/$unit.log" 2>&1 </dev/null &
  echo $! >"$pid"
  ;;
*) echo "systemctl: this stand-in does not know $*" >&2 && exit 1 ;;
esac
"""


class Root:
    """A folder with a root in it, whose processes live from `start` to `stop`; a `Shell` for the agent's engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keeper: subprocess.Popen[bytes] | None = None
        self._commands = 0

    @classmethod
    def make(cls, folder: Path, cache: Path) -> Root:
        """A fresh one; what debootstrap made is kept in `cache`."""
        if not cache.exists():
            draft = cache.with_name(f"{cache.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            draft.parent.mkdir(parents=True, exist_ok=True)
            command = ["debootstrap", "--variant=minbase", f"--include={INCLUDED}", SUITE, str(draft)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            draft.rename(cache)
        subprocess.run(["cp", "-a", "--reflink=auto", str(cache), str(folder)], check=True)
        return cls(folder)

    def settle(self, addresses: dict[str, str], authority: bytes) -> None:
        """As an instance begins: the user ubuntu, names; and trust in this computer's authorities and in one more."""
        self._write("etc/hosts", "".join(f"{address} {host}\n" for host, address in addresses.items()))
        shutil.copyfile("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        trusted = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes() + authority
        (self.folder / "etc/ssl/certs/ca-certificates.crt").write_bytes(trusted)
        self._write("etc/uv/uv.toml", "system-certs = true\n")
        self._write("usr/local/bin/systemctl", SYSTEMCTL, 0o755)
        self._write("usr/local/bin/journalctl", '#!/bin/sh\ntail -n 20 "/var/log/$2.log"\n', 0o755)
        self._run("useradd", "--create-home", "--shell", "/bin/bash", "ubuntu")

    def start(self) -> None:
        """The processes' own place."""
        namespaces = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        command = [*namespaces, "sh", "-c", KEEP, str(self.folder)]
        self._keeper = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert self._keeper.stdout
        assert self._keeper.stdout.readline() == b"ready\n", "the root could not be entered"

    def stop(self) -> None:
        """Every process of it ends, and with the last its mounts."""
        if self._keeper:
            self._keeper.kill()
            self._keeper.communicate()

    def remove(self) -> None:
        """Its gigabytes."""
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, document: str, attempt: str, **parameters: str) -> InvocationResult:
        """A document, by the agent's own rules."""
        self._commands += 1
        values = {"attemptId": attempt} | parameters
        values_by_name = {name: [value] for name, value in values.items()}
        invocation = Invocation(f"c-{self._commands}", document, compose(document), values_by_name)
        return run_document(invocation, self, {}, Cancellation())

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """`Shell`: sh runs the file, as root, with next to no environment."""
        file = self._write(f"var/lib/amazon/ssm/{script.command_id}-{script.step}.sh", script.text, 0o700)
        command = self._enter("sh", "-c", f"/{file.relative_to(self.folder)}")
        environment = {"PATH": PATH, "LANG": "C.UTF-8", **script.environment}
        began = time.monotonic()
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=environment, timeout=script.timeout
            )
        except subprocess.TimeoutExpired:
            return ScriptResult(137, ending="timed out")
        _tell(script, done, time.monotonic() - began)
        return ScriptResult(done.returncode, done.stdout, done.stderr)

    def reboot(self) -> None:
        """`Shell`: every process ends; the kernel is this computer's, and so is its boot id."""
        self.stop()
        self.start()

    def output(self, line: str) -> str:
        """What a line prints, as root."""
        return subprocess.run(
            self._enter("bash", "-c", line), check=True, capture_output=True, text=True
        ).stdout.strip()

    def _enter(self, *words: str) -> list[str]:
        inside = str(self._first_process())
        return ["nsenter", "--target", inside, "--mount", "--pid", "--ipc", "--uts", "--root", "--wd", "--", *words]

    def _first_process(self) -> int:
        """The pid, on this computer, of the process that is 1 inside."""
        assert self._keeper
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children").read_text().split()
        return int(children[0])

    def _run(self, *words: str) -> None:
        subprocess.run(["chroot", str(self.folder), *words], check=True, env={"PATH": PATH})

    def _write(self, name: str, text: str, mode: int = 0o644) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file


def why_not() -> str:
    """What keeps this computer from having one, as a sentence; empty where nothing does."""
    if os.geteuid() != 0:
        return "a real root wants root: sudo make test-recipes"
    missing = [name for name in ("debootstrap", "unshare", "nsenter", "chroot") if shutil.which(name) is None]
    return f"this computer lacks {', '.join(missing)}" if missing else ""


def _tell(script: Script, done: subprocess.CompletedProcess[str], seconds: float) -> None:
    """For the log that shows that it ran."""
    how = f"exit status {done.returncode}" if done.returncode >= 0 else signal.Signals(-done.returncode).name
    head = f"--- {script.document_name}, step {script.step}: {how} after {seconds:.0f} s"
    sys.stderr.write(f"{head}\n{(done.stdout + done.stderr).rstrip()}\n")
