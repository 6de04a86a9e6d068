"""Usage of `gpudesk-session`. Its sessions are tested in tests/api/test_ssh_sessions.py."""

import shlex
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "tools" / "gpudesk-session"


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
        ("<html>proxy</html>", "gpudesk-session: gpudesk answered 404: <html>proxy</html>\n"),
        ("\x1b]0;title\a\x1b[31m\u202ered", "gpudesk-session: gpudesk answered 404: ]0;title[31mred\n"),
    ],
)
def test_error_answer_is_printed_as_text(tmp_path: Path, answer: str, expected: str) -> None:
    curl = tmp_path / "curl"
    curl.write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '%s\\n404' {shlex.quote(answer)}\n")
    curl.chmod(0o755)
    (tmp_path / "token").write_text("gpd_x\n")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GPUDESK_URL": "http://127.0.0.1:1",
        "GPUDESK_TOKEN_FILE": str(tmp_path / "token"),
    }
    done = subprocess.run([PROGRAM, "x"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, expected)
