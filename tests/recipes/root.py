"""A Debian root file system in a folder, with real apt, users and pip. Only systemctl and journalctl are fakes.

Its programs share the network with the host, but not processes, mounts or files. This requires root permissions,
debootstrap and util-linux.
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
EXTRA_PACKAGES = "ca-certificates,curl,python3"
"""Packages of Ubuntu's cloud image that a minimal Debian lacks."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_COMMAND = """
mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" &&
exec chroot "$0" sh -c "echo ready && exec sleep infinity"
"""

SYSTEMCTL = """#!/bin/bash
# A fake: one process per unit, as its user, with its directory, environment and log.
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
*) echo "systemctl: the fake does not support $*" >&2 && exit 1 ;;
esac
"""


class RootFolder:
    """A root file system whose processes run from `start` to `stop`. Implements `Shell` for the agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keeper: subprocess.Popen[bytes] | None = None
        self._commands = 0

    @classmethod
    def create(cls, folder: Path, cache: Path) -> RootFolder:
        """Create a root file system in `folder`. The output of debootstrap is stored in `cache` and copied."""
        if not cache.exists():
            draft = cache.with_name(f"{cache.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            draft.parent.mkdir(parents=True, exist_ok=True)
            command = ["debootstrap", "--variant=minbase", f"--include={EXTRA_PACKAGES}", SUITE, str(draft)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            draft.rename(cache)
        subprocess.run(["cp", "-a", "--reflink=auto", str(cache), str(folder)], check=True)
        return cls(folder)

    def configure(self, addresses: dict[str, str], authority: bytes) -> None:
        """Create the user ubuntu, host names, trusted authorities and the fake programs."""
        self._write("etc/hosts", "".join(f"{address} {host}\n" for host, address in addresses.items()))
        shutil.copyfile("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        trusted = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes() + authority
        (self.folder / "etc/ssl/certs/ca-certificates.crt").write_bytes(trusted)
        self._write("etc/uv/uv.toml", "system-certs = true\n")
        self._write("usr/local/bin/systemctl", SYSTEMCTL, 0o755)
        self._write("usr/local/bin/journalctl", '#!/bin/sh\ntail -n 20 "/var/log/$2.log"\n', 0o755)
        self._run_in_root("useradd", "--create-home", "--shell", "/bin/bash", "ubuntu")

    def start(self) -> None:
        """Start the first process in new mount, pid, ipc and uts namespaces."""
        namespaces = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        command = [*namespaces, "sh", "-c", START_COMMAND, str(self.folder)]
        self._keeper = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert self._keeper.stdout
        assert self._keeper.stdout.readline() == b"ready\n", "the first process did not start"

    def stop(self) -> None:
        """Kill all processes. The mounts end with the last one."""
        if self._keeper:
            self._keeper.kill()
            self._keeper.communicate()

    def remove(self) -> None:
        """Stop and delete the folder, which has gigabytes."""
        self.stop()
        shutil.rmtree(self.folder)

    def run_document(self, document: str, attempt: str, **parameters: str) -> InvocationResult:
        """Run a document as the SSM agent of the local cloud does."""
        self._commands += 1
        values = {"attemptId": attempt} | parameters
        values_by_name = {name: [value] for name, value in values.items()}
        invocation = Invocation(f"c-{self._commands}", document, compose(document), values_by_name)
        return run_document(invocation, self, {}, Cancellation())

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Run a script as root with a minimal environment."""
        file = self._write(f"var/lib/amazon/ssm/{script.command_id}-{script.step}.sh", script.text, 0o700)
        command = self._build_enter_command("sh", "-c", f"/{file.relative_to(self.folder)}")
        environment = {"PATH": PATH, "LANG": "C.UTF-8", **script.environment}
        began = time.monotonic()
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=environment, timeout=script.timeout
            )
        except subprocess.TimeoutExpired:
            return ScriptResult(137, ending="timed out")
        _log_result(script, done, time.monotonic() - began)
        return ScriptResult(done.returncode, done.stdout, done.stderr)

    def reboot(self) -> None:
        """Kill and start all processes. The boot id is that of the host and does not change."""
        self.stop()
        self.start()

    def read_output(self, line: str) -> str:
        """Run a shell line as root, and return its output."""
        return subprocess.run(
            self._build_enter_command("bash", "-c", line), check=True, capture_output=True, text=True
        ).stdout.strip()

    def _build_enter_command(self, *words: str) -> list[str]:
        inside = str(self._find_first_process())
        return ["nsenter", "--target", inside, "--mount", "--pid", "--ipc", "--uts", "--root", "--wd", "--", *words]

    def _find_first_process(self) -> int:
        """Return the pid on the host of the process that has pid 1 inside."""
        assert self._keeper
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children").read_text().split()
        return int(children[0])

    def _run_in_root(self, *words: str) -> None:
        subprocess.run(["chroot", str(self.folder), *words], check=True, env={"PATH": PATH})

    def _write(self, name: str, text: str, mode: int = 0o644) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file


def find_missing_requirement() -> str:
    """Return why this computer cannot run recipe tests, or an empty text."""
    if os.geteuid() != 0:
        return "The recipe tests need root permissions: run sudo make test-recipes."
    missing = [name for name in ("debootstrap", "unshare", "nsenter", "chroot") if shutil.which(name) is None]
    return f"This computer lacks {', '.join(missing)}." if missing else ""


def _log_result(script: Script, done: subprocess.CompletedProcess[str], seconds: float) -> None:
    """Print the result and the output of a script to stderr."""
    result = f"exit status {done.returncode}" if done.returncode >= 0 else signal.Signals(-done.returncode).name
    head = f"--- {script.document_name}, step {script.step}: {result} after {seconds:.0f} s"
    sys.stderr.write(f"{head}\n{(done.stdout + done.stderr).rstrip()}\n")
