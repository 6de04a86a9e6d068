"""Functions of the prelude: retries, files, downloads, packages, users and services."""

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.prelude import StepRunner


def test_retry_repeats_a_failing_command_up_to_its_count(runner: StepRunner) -> None:
    no_pauses = "sleep() { :; }\n"
    flaky = 'flaky() { echo x >>"$RAN"; [ "$(wc -l <"$RAN")" -ge 3 ]; }\n'
    assert runner.run(f"{no_pauses}{flaky}retry 3 flaky")[0] == 0
    assert runner.count_runs() == 3
    runner.ran.unlink()
    assert runner.run(f"{no_pauses}{flaky}retry 2 flaky", attempt="a2")[0] == 1
    assert runner.count_runs() == 2


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_write_file_replaces_the_file_with_its_mode(runner: StepRunner, tmp_path: Path, mode: int) -> None:
    owner = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    target = tmp_path / "new" / "secret"
    assert runner.run(f'printf hello | write_file "{target}" {mode:04o} "{owner}"')[0] == 0
    assert target.read_text() == "hello"
    assert target.stat().st_mode & 0o777 == mode
    assert list(target.parent.iterdir()) == [target]


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "site").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=tmp_path / "site"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_fetch_writes_only_a_complete_and_verified_file(runner: StepRunner, site: str, tmp_path: Path) -> None:
    source, target = tmp_path / "site/book.zip", tmp_path / "new/book.zip"
    source.write_bytes(b"the book")
    assert runner.run(f'fetch {site}/book.zip "{target}" {sha256(b"the book")}', attempt="a1")[0] == 0
    assert target.read_bytes() == b"the book"
    status, _, errors = runner.run_with_errors(f'fetch {site}/book.zip "{target}" {sha256(b"another")}', attempt="a2")
    assert status == 1
    assert f"{site}/book.zip has a wrong SHA-256" in errors
    assert list(target.parent.iterdir()) == [target], "the file from before stays"
    assert target.read_bytes() == b"the book"


def test_fetch_keeps_a_file_with_the_right_checksum(runner: StepRunner, tmp_path: Path) -> None:
    target = tmp_path / "book.zip"
    target.write_bytes(b"the book")
    assert runner.run(f'fetch http://127.0.0.1:1/book.zip "{target}" {sha256(b"the book")}')[0] == 0


def test_failed_download_is_named_with_advice(runner: StepRunner, site: str, tmp_path: Path) -> None:
    body = f'sleep() {{ :; }}; fetch {site}/no.zip "{tmp_path}/no.zip"'
    status, output, errors = runner.run_with_errors(body)
    assert status == 1
    assert output.count("failed. Trying again in") == 4
    assert f"gpudesk: {site}/no.zip could not be downloaded. Check that the instance can reach the internet" in errors


def test_proxy_and_package_index_apply_to_every_download(runner: StepRunner) -> None:
    body = "env | grep -i -e ^http -e ^no_ -e ^PIP -e ^UV || true"
    _, output = runner.run(body, proxy="http://proxy:3128", pipIndex="https://index.example.org/simple")
    assert sorted(output.split()) == [
        "PIP_INDEX_URL=https://index.example.org/simple",
        "UV_DEFAULT_INDEX=https://index.example.org/simple",
        "http_proxy=http://proxy:3128",
        "https_proxy=http://proxy:3128",
        "no_proxy=169.254.169.254,localhost,127.0.0.1",
    ]
    assert runner.run(body, attempt="a2", step="other", proxy="", pipIndex="") == (0, "")


def test_mirror_replaces_only_the_archives_of_ubuntu(runner: StepRunner, tmp_path: Path) -> None:
    etc = tmp_path / "apt"
    etc.mkdir()
    (etc / "sources.list").write_text(
        "deb http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy main\n"
        "deb http://security.ubuntu.com/ubuntu jammy-security main\n"
        "deb https://developer.download.nvidia.com/compute/cuda /\n"
    )
    fake_apt_get = "apt-get() { :; }\n"
    runner.replaced["/etc/apt"] = str(etc)
    for attempt in ("a1", "a2"):
        assert (
            runner.run(f"{fake_apt_get}apt_install git", attempt, aptMirror="https://mirror.example.org/ubuntu")[0] == 0
        )
        assert (etc / "sources.list").read_text().splitlines() == [
            "deb https://mirror.example.org/ubuntu/ jammy main",
            "deb https://mirror.example.org/ubuntu/ jammy-security main",
            "deb https://developer.download.nvidia.com/compute/cuda /",
        ]


def test_as_ubuntu_has_a_home_and_a_clean_environment(runner: StepRunner, tmp_path: Path) -> None:
    """`runuser` needs root. A script replaces it here, which prints its options and runs the command."""
    runner.replaced["/home/ubuntu"] = str(tmp_path)
    body = "as_ubuntu bash -c 'pwd; env | grep -v -e ^_= -e ^PWD -e ^SHLVL | sort'"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "runuser").write_text('#!/bin/sh\nprintf "%s\\n" "$*" | cut -d " " -f 1-3\nshift 3\nexec "$@"\n')
    (programs / "runuser").chmod(0o755)
    status, output = runner.run(f'PATH="{programs}:$PATH"; {body}', proxy="http://proxy:3128")
    assert status == 0
    assert output.splitlines() == [
        "-u ubuntu --",
        str(tmp_path),
        f"HOME={tmp_path}",
        "LANG=C.UTF-8",
        "LOGNAME=ubuntu",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SHELL=/bin/bash",
        "USER=ubuntu",
        "http_proxy=http://proxy:3128",
        "https_proxy=http://proxy:3128",
        "no_proxy=169.254.169.254,localhost,127.0.0.1",
    ]


FAKE_PROGRAMS = """
stat() { case $3 in */user) echo 1000 ;; *) echo 0 ;; esac; }
as_ubuntu() { echo "as ubuntu: $*"; }
python3() { echo "as root: python3 $*"; }
"""


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/opt/env", "as root: python3 x"),
        ("/opt/none/such", "as root: python3 x"),
        ("/opt/user", "as ubuntu: python3 x"),
        ("/home/user/env/bin", "as ubuntu: python3 x"),
    ],
)
def test_as_owner_runs_as_the_user_below_a_folder_of_the_user(runner: StepRunner, path: str, who: str) -> None:
    assert runner.run(f"{FAKE_PROGRAMS}as_owner {path} python3 x") == (0, f"{who}\n")


def test_make_venv_completes_an_environment_as_its_owner(runner: StepRunner) -> None:
    _, output = runner.run(f"{FAKE_PROGRAMS}make_venv /opt/user psutil")
    done = [line for line in output.splitlines() if line.startswith("as ")]
    assert [line.partition(" --quiet")[0] for line in done[1:]] == [
        "as ubuntu: python3 -I -m venv /opt/user",
        "as ubuntu: /opt/user/bin/python -I -m pip",
    ]


def test_write_file_as_owner_writes_as_the_owner_of_the_folder(runner: StepRunner, tmp_path: Path) -> None:
    user = tmp_path / "user"
    body = 'as_ubuntu() { echo "$1" >>"$RAN"; "$@"; }; printf hello | write_file_as_owner'
    assert runner.run(f'{FAKE_PROGRAMS}{body} "{user}" etc/settings.json')[0] == 0
    assert (user / "etc/settings.json").read_text() == "hello"
    assert [path.name for path in (user / "etc").iterdir()] == ["settings.json"]
    assert runner.ran.read_text().split() == ["mkdir", "tee", "chmod", "mv"]


SYSTEMCTL = """
systemctl() {
  case "$1" in
    is-active) [ -e "$RAN.active" ] ;;
    restart) echo restart >>"$RAN"; touch "$RAN.active" ;;
  esac
}
chown() { :; }
start_service x.service "$RAN.file"
"""


def test_start_service_restarts_a_service_that_has_stopped_or_changed(runner: StepRunner, tmp_path: Path) -> None:
    runner.replaced |= {"/etc/systemd/system": str(tmp_path), "/etc/gpudesk": str(tmp_path)}
    runner.replaced["/etc/needrestart"] = str(tmp_path / "needrestart")
    runner.always = True
    unit, other_file, is_active = (tmp_path / name for name in ("x.service", "ran.file", "ran.active"))
    outputs: list[str] = []
    unit.write_text("unit")
    other_file.write_text("file")

    def start_count(attempt: str, **parameters: str) -> int:
        status, output = runner.run(SYSTEMCTL, attempt, **parameters)
        assert status == 0, output
        outputs.append(output)
        return runner.count_runs()

    assert start_count("a1") == 1
    assert start_count("a2") == 1, "it is running and nothing has changed"
    is_active.unlink()
    assert start_count("a3") == 2, "it has stopped"
    unit.write_text("another unit")
    assert start_count("a4") == 3
    assert "Restarting x.service, because its files have changed. What runs in it ends." in outputs[-1]
    other_file.write_text("another file")
    assert start_count("a5") == 4
    assert start_count("a6", proxy="http://proxy:3128") == 5
    assert start_count("a7", proxy="http://proxy:3128") == 5
    exempt = (tmp_path / "needrestart/conf.d/gpudesk.conf").read_text()
    assert exempt == "$nrconf{override_rc}{qr(^gpudesk-)} = 0;\n", "Perl, which needrestart evaluates"


@pytest.mark.parametrize(("free", "is_enough"), [(5120, True), (5119, False), (1638, False)])
def test_step_that_needs_more_space_than_is_free_fails_at_once(runner: StepRunner, free: int, is_enough: bool) -> None:
    fake_df = f"df() {{ printf 'Avail\\n {free}M\\n'; }}\n"
    status, _, errors = runner.run_with_errors(f'{fake_df}require_free_space 5; echo x >>"$RAN"')
    assert (status == 0, runner.count_runs() == 1) == (is_enough, is_enough)
    if not is_enough:
        gib = "4.9" if free == 5119 else "1.5"
        assert f"gpudesk: The root disk has {gib} GiB free, and this step needs about 5 GiB. Free space" in errors
