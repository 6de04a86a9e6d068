"""`gpudesk-session` with stubs of curl and the plugin. Its sessions are tested in tests/api/test_ssh_sessions.py."""

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.session_program import PROGRAM, copy_session_program

CREDENTIALS = {
    "access_key_id": "ASIA1",
    "secret_access_key": "secret/1+",
    "session_token": "token/1+=",
    "expires_at": "2030-01-05T10:00:00Z",
}
OPENED = {
    "kind": "shell",
    "region": "eu-west-1",
    "instance_id": "i-0a",
    "session_id": "ada-0123456789abcdef-00",
    "stream_url": "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/ada?role=publish_subscribe",
    "token": "t0",
    "endpoint_url": "https://ssm.eu-west-1.amazonaws.com",
    "credentials": CREDENTIALS,
}
RENEWED = {name: value.replace("1", "2") for name, value in CREDENTIALS.items()}
GET_CREDENTIALS = """credential_process=$(sed -n 's/^credential_process = //p' "$AWS_CONFIG_FILE")
sh -c "$credential_process"
"""


@dataclass(frozen=True)
class Laptop:
    """A computer with stubs.

    :ivar folder: home folder, PATH and place of the temporary files
    """

    folder: Path

    def write_program(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def write_answers(self, opened: tuple[int, str], renewed: tuple[int, str] = (200, json.dumps(RENEWED))) -> None:
        """Write a curl that gives one answer to POST /sessions and one to POST /sessions/credentials."""
        answers = [f"printf '%s\\n{status}' {shlex.quote(text)}" for status, text in (opened, renewed)]
        self.write_program(
            "curl",
            "cat >/dev/null\nfor last; do :; done\n"
            f"case $last in\n*/credentials) {answers[1]} ;;\n*) {answers[0]} ;;\nesac\n",
        )

    def write_refusal_after_opening(self, answer: str) -> None:
        """Write a curl that opens one session and answers everything else with 409."""
        self.write_program(
            "curl",
            f"cat >/dev/null\nif mkdir {self.folder}/opened 2>/dev/null\n"
            f"then printf '%s\\n201' {shlex.quote(json.dumps(OPENED))}\n"
            f"else printf '%s\\n409' {shlex.quote(answer)}\nfi\n",
        )

    def write_overload_before_opening(self, answer: str) -> None:
        """Write a curl that answers once with 503, and then opens sessions."""
        self.write_program(
            "curl",
            f"cat >/dev/null\nif mkdir {self.folder}/overloaded 2>/dev/null\n"
            f"then printf '%s\\n503' {shlex.quote(answer)}\n"
            f"else printf '%s\\n201' {shlex.quote(json.dumps(OPENED))}\nfi\n",
        )

    def write_plugin(self, script: str, version: str = "1.2.764.0") -> None:
        check = f'if [ "$1" = --version ]; then echo {version}; exit; fi\n'
        self.write_program("session-manager-plugin", check + script)

    def run(self, *words: str, program: Path = PROGRAM) -> subprocess.CompletedProcess[str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        (self.folder / "token").write_text("gpd_x\n")
        environment = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "GPUDESK_URL": "http://127.0.0.1:1",
            "GPUDESK_TOKEN_FILE": str(self.folder / "token"),
            "AWS_PROFILE": "work",
            "AWS_ACCESS_KEY_ID": "AKIA-of-the-laptop",
            "AWS_ENDPOINT_URL_SSMMESSAGES": "http://127.0.0.1:2",
            "AWS_DEFAULT_REGION": "sa-east-1",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_CA_BUNDLE": "/etc/proxy.pem",
        }
        return subprocess.run(
            [program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    laptop = Laptop(tmp_path)
    laptop.write_plugin("")
    laptop.write_answers((201, json.dumps(OPENED)))
    return laptop


def test_help_needs_neither_url_nor_token(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([PROGRAM, "--help"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: gpudesk-session NAME")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            '{"type":"about:blank","status":404,"detail":"You have no instance \'x\'.","code":"c","errors":[]}',
            "gpudesk-session: gpudesk answered 404: You have no instance 'x'.\n",
        ),
        (
            '{"detail": "2 fields are invalid: kind, port.", "errors": [{"field": "kind", "message": "must be '
            'shell, not the text \\"a\\""}, {"field": "port", "message": "is required: a port"}]}',
            "gpudesk-session: gpudesk answered 404: 2 fields are invalid: kind, port.\n"
            '  kind: must be shell, not the text "a"\n'
            "  port: is required: a port\n",
        ),
        (
            "<html>proxy\x1b[31m</html>",
            "gpudesk-session: gpudesk answered 404: The answer is not from gpudesk. Check the URL http://127.0.0.1:1.\n",
        ),
        (
            '{"detail": "\x1b]0;title\a\x1b[31m\u202ered"}',
            "gpudesk-session: gpudesk answered 404: ]0;title[31mred\n",
        ),
        (
            '{"message": "Missing Authentication Token"}',
            "gpudesk-session: gpudesk answered 404: The answer is not from gpudesk. Check the URL http://127.0.0.1:1.\n",
        ),
    ],
)
def test_error_answer_is_printed_without_json(laptop: Laptop, answer: str, expected: str) -> None:
    laptop.write_answers((404, answer))
    done = laptop.run("x")
    assert (done.returncode, done.stderr) == (1, expected)


@pytest.mark.parametrize("version", ["1.2.763.9", "1.1.900.0"])
def test_plugin_that_does_not_sign_is_refused(laptop: Laptop, version: str) -> None:
    laptop.write_plugin("", version)
    done = laptop.run("x")
    assert done.returncode == 1
    assert f"session-manager-plugin {version} is too old. You need 1.2.764.0 or later" in done.stderr


def test_missing_plugin_is_named(laptop: Laptop) -> None:
    (laptop.folder / "bin" / "session-manager-plugin").unlink()
    assert "session-manager-plugin is not installed" in laptop.run("x").stderr


def test_plugin_gets_the_session_and_fresh_credentials_from_its_profile(laptop: Laptop) -> None:
    laptop.write_plugin(
        'echo "$AWS_SSM_START_SESSION_RESPONSE"\nprintf "%s|" "$@"\n'
        "echo; env | sed -n 's/^\\(AWS_[^=]*\\)=.*/\\1/p' | sort | tr '\\n' ' '; echo\n"
        f"{GET_CREDENTIALS}{GET_CREDENTIALS}"
    )
    done = laptop.run("x")
    assert (done.returncode, done.stderr) == (0, "")
    session, arguments, variables, first, renewed = done.stdout.splitlines()
    assert json.loads(session) == {
        "SessionId": OPENED["session_id"],
        "StreamUrl": OPENED["stream_url"],
        "TokenValue": "t0",
    }
    assert arguments == (
        'AWS_SSM_START_SESSION_RESPONSE|eu-west-1|StartSession|gpudesk|{"Target": "i-0a"}|'
        "https://ssm.eu-west-1.amazonaws.com|"
    )
    assert variables.split() == [
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_SDK_LOAD_CONFIG",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_SSM_START_SESSION_RESPONSE",
    ]
    for printed, expected in ((first, CREDENTIALS), (renewed, RENEWED)):
        assert json.loads(printed) == {
            "Version": 1,
            "AccessKeyId": expected["access_key_id"],
            "SecretAccessKey": expected["secret_access_key"],
            "SessionToken": expected["session_token"],
            "Expiration": expected["expires_at"],
        }
    assert list((laptop.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize("kind", [["shell"], ["ssh", "key.pub"]], ids=["shell", "ssh"])
def test_plugin_that_cannot_resume_is_ended_and_the_reason_is_printed(laptop: Laptop, kind: list[str]) -> None:
    """The real plugin neither ends nor says anything."""
    key = laptop.folder / "key.pub"
    key.write_text("ssh-ed25519 AAAA ada@laptop\n")
    problem = json.dumps({"detail": "You have no active session with this id on x. Open a new one."})
    laptop.write_answers((201, json.dumps(OPENED)), (404, problem))
    laptop.write_plugin(f"trap 'exit 0' INT TERM\n{GET_CREDENTIALS}{GET_CREDENTIALS}while :; do sleep 0.2; done\n")
    done = laptop.run("x", *[word.replace("key.pub", str(key)) for word in kind])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "gpudesk-session: The session ended. gpudesk answered 404: You have no active session with this id on x. "
        "Open a new one."
    )
    assert list((laptop.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "end",
    [f"{GET_CREDENTIALS}while :; do sleep 0.2; done", "echo 'The session was terminated.'"],
    ids=["plugin that cannot resume", "plugin that ends"],
)
def test_stop_of_the_instance_ends_a_forwarded_port_with_one_line(laptop: Laptop, end: str) -> None:
    detail = "x is being stopped. Start it first (POST /instances/x/start). Connect to it when it is ready."
    laptop.write_refusal_after_opening(json.dumps({"detail": detail}))
    laptop.write_plugin(
        f"trap 'exit 0' INT TERM\n{GET_CREDENTIALS}echo 'Port 9 opened for sessionId x.'\nsleep 1.5\n{end}\n"
    )
    done = laptop.run("x", "port", "9")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "gpudesk-session: Port 9 of this computer leads to x. Press Ctrl-C to close it.",
        f"gpudesk-session: The session ended. gpudesk answered 409: {detail}",
    ]


def test_session_is_opened_again_after_an_overload(laptop: Laptop) -> None:
    laptop.write_overload_before_opening(json.dumps({"detail": "SSM is throttled. Try again in 2 seconds."}))
    laptop.write_plugin("echo opened\n")
    done = laptop.run("x")
    assert (done.returncode, done.stdout) == (0, "opened\n")
    assert done.stderr == (
        "gpudesk-session: gpudesk answered 503: SSM is throttled. Try again in 2 seconds. Trying again.\n"
    )


@pytest.mark.parametrize("words", [("x",), ("x", "port", "9")], ids=["shell", "port"])
def test_plugin_that_does_not_open_the_session_is_named_after_some_seconds(
    laptop: Laptop, words: tuple[str, ...]
) -> None:
    laptop.write_plugin("sleep 2.5\n")
    laptop.write_refusal_after_opening('{"detail": "x is stopped."}')
    done = laptop.run(*words, program=copy_session_program(laptop.folder, {"SAY_AFTER=5": "SAY_AFTER=1"}))
    assert done.stderr.splitlines()[0] == (
        "gpudesk-session: The plugin has not opened the session yet. Waiting up to 30 s."
    )
