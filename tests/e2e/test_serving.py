"""`make run` from its start to its end: ports, what it prints, signals."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Start
from tests.e2e.runs import REPOSITORY, Run

DOCUMENT = REPOSITORY / "docs" / "local-cloud.md"
ASK = """curl -s -H "$T" -H "Content-Type: application/json" -d '{"gpu": "L4"}' $A/instances"""


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("variable", ["PORT", "CLOUD_PORT"])
def test_a_taken_port_is_told_with_the_way_to_choose_another(start: Start, taken: str, variable: str) -> None:
    run = start(**{variable: taken})
    assert run.end() == 2
    assert f"port {taken} of 127.0.0.1 is taken" in run.output
    assert f"`make run {variable}=0`" in run.output
    assert not (run.cwd / ".gpudesk").exists()


@pytest.mark.parametrize(
    ("variables", "what_is_right"),
    [
        ({"SPEED": "fast"}, "SPEED is how many seconds"),
        ({"SPEED": "nan"}, "SPEED is how many seconds"),
        ({"PORT": "80000"}, "PORT is a port number"),
        ({"ONCE": "yes"}, "ONCE is 0 or 1"),
        ({"ONCE": "1", "DEMO": "0"}, "choose one of them"),
        ({"PORT": "4566", "CLOUD_PORT": "4566"}, "choose another"),
    ],
)
def test_a_variable_that_cannot_be_is_told_with_what_would_be_right(
    start: Start, variables: dict[str, str], what_is_right: str
) -> None:
    run = start(**variables)
    assert run.end() == 2
    assert what_is_right in run.output


def test_the_lines_that_it_prints_and_those_of_the_documentation_work_when_they_are_pasted(start: Start) -> None:
    run = start(DEMO="0", SIMULATE="1", SPEED="120", AWS_PROFILE="no-such-profile", AWS_REGION="eu-west-1")
    run.until("/_local/capacity")
    assert "SIMULATE=1" in run.lines[0]
    _assert_printed_lines_work(run)
    _assert_documented_lines_work(run)
    assert run.end(signal.SIGTERM) == 0
    assert "nothing is left running" in run.output


@pytest.mark.usefixtures("a_sandbox")
def test_an_interrupted_story_leaves_no_process_of_its_machines(start: Start) -> None:
    run = start(SPEED="120")
    run.until("gpudesk-probe is running")
    assert run.end(signal.SIGINT) == 130
    assert run.lines[-1] == "Interrupted. Everything has ended."


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


def _assert_documented_lines_work(run: Run) -> None:
    """Those of docs/local-cloud.md, in their order, with an instance's id for `ID`."""
    cloud, desk = re.findall(r"http://[0-9.:]+", run.lines[1])
    port = desk.rpartition(":")[2]
    variables = f'A={desk} C={cloud} T="Authorization: Bearer $(cat .gpudesk/{port}/token)"\n'
    asked = _paste(run, variables + ASK)
    shown = (_paste(run, f'{variables}curl -s -H "$T" $A/instances/{asked["id"]}') for _ in range(200))
    instance_id = next(filter(None, (each["status"]["instance_id"] for each in shown)))
    lines = [line.strip() for line in DOCUMENT.read_text().splitlines() if line.startswith("    curl")]
    answers = [_paste(run, f"{variables}ID={instance_id}\n{line}") for line in lines]
    assert len(answers) >= 13
    assert [line for line, answer in zip(lines, answers, strict=True) if "error" in answer] == []


def _paste(run: Run, text: str) -> Any:
    shell = subprocess.run(["bash", "-c", text], cwd=run.cwd, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(shell.stdout)
