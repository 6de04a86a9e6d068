"""`make run` from start to end: ports, invalid variables, printed help, signals."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Start
from tests.e2e.runs import ONE_REGION, Run


@pytest.fixture
def used_port() -> Iterator[str]:
    """Listen on a port and return its number."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("variable", ["PORT", "CLOUD_PORT"])
def test_used_port_ends_run_with_status_2_and_names_alternative(start: Start, used_port: str, variable: str) -> None:
    run = start(**{variable: used_port})
    assert run.wait() == 2
    assert f"port {used_port} of 127.0.0.1 is in use" in run.output
    assert f"`make run {variable}=0`" in run.output
    assert not (run.cwd / ".gpudesk").exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SPEED": "fast"}, "SPEED must be a number of cloud seconds"),
        ({"SPEED": "nan"}, "SPEED must be a number of cloud seconds"),
        ({"SPEED": "500"}, "SPEED must be a number of cloud seconds per real second from 1 to 240, not '500'."),
        ({"REGIONS": "us-east-1,mars"}, "REGIONS must be regions of AWS such as us-west-2,eu-central-1, not 'mars'."),
        ({"PORT": "80000"}, "PORT must be a port number"),
        ({"ONCE": "yes"}, "ONCE must be 0 or 1"),
        ({"ONCE": "1", "DEMO": "0"}, "Use only one of them"),
        ({"PORT": "4566", "CLOUD_PORT": "4566"}, "Choose different ports"),
    ],
)
def test_invalid_variable_ends_run_with_status_2_and_names_valid_values(
    start: Start, variables: dict[str, str], message: str
) -> None:
    run = start(**variables)
    assert run.wait() == 2
    assert message in run.output


def test_pasted_lines_of_help_work(start: Start) -> None:
    run = start(
        DEMO="0", SIMULATE="1", SPEED="120", REGIONS="us-east-2", AWS_PROFILE="no-such-profile", AWS_REGION="eu-west-1"
    )
    run.read_until("/_local/capacity")
    assert "SIMULATE=1" in run.lines[0]
    _assert_printed_lines_work(run)
    assert run.wait(signal.SIGTERM) == 0
    assert "All processes have ended" in run.output


@pytest.mark.usefixtures("a_sandbox")
def test_interrupted_demo_leaves_no_process(start: Start) -> None:
    run = start(SPEED="120", REGIONS=ONE_REGION)
    run.read_until("gpudesk-probe is running")
    assert run.wait(signal.SIGINT) == 130
    assert run.lines[-1] == "Interrupted. All processes have ended."


def _assert_printed_lines_work(run: Run) -> None:
    lines = [line.strip() for line in run.lines]
    variables = next(line for line in lines if line.startswith("T="))
    answers = [_paste(run, f"{variables}\n{line}") for line in lines if line.startswith("curl")]
    assert answers[0]["name"] == "my-first"
    assert answers[1]["id"] == answers[0]["id"]
    assert answers[2]["items"][0]["code"] == "requested"
    assert answers[3]["code"] == "not_running"
    assert [answers[4]["desired"], answers[5]["desired"]] == ["running", "terminated"]
    assert answers[6]["status"] == "ok"
    assert answers[7]["speed"] == 120
    assert answers[8]["now"] > answers[7]["now"]
    assert answers[9] == {"instances": 0}


def _paste(run: Run, text: str) -> Any:
    shell = subprocess.run(["bash", "-c", text], cwd=run.cwd, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(shell.stdout)
