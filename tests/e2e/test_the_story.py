"""The main job over HTTP, as `make run ONCE=1` plays it."""

import re
import stat

import pytest

from local.options import Options
from local.runner import exit_status_after_demo
from tests.e2e.conftest import Start
from tests.e2e.runs import WITHOUT_NAMESPACES

IN_ORDER = (
    "POST /instances",
    "202 Accepted",
    "as g4dn.xlarge in",
    "responds. Recipe d2l-pytorch is being set up",
    "gpudesk-probe succeeded",
    "gpudesk-d2l-pytorch succeeded",
    "is ready. Recipe d2l-pytorch was set up",
    "the sweep came by and let it run",
    "will be stopped at",
    "is being stopped. Every signal has been quiet",
    "POST .../start",
    "DELETE /instances",
    "forgotten over a weekend it would have cost $31.56",
    "RunInstances 1",
)


def assert_told(output: str) -> None:
    """The whole story, and EC2's own word for every state that the desk claims."""
    assert_in_order(output, *IN_ORDER)
    assert re.findall(r"DescribeInstances: i-\w+ is (\w+)", output) == ["running", "stopped", "running", "terminated"]


def assert_in_order(output: str, *texts: str) -> None:
    """Each is to be found behind the one before, wherever lines are broken."""
    flat, at = " ".join(output.split()), 0
    for text in texts:
        at = flat.find(text, at)
        assert at >= 0, f"{text!r} is missing or comes too early in:\n{output}"
        at += len(text)


@pytest.mark.usefixtures("a_sandbox")
def test_one_request_becomes_a_notebook_that_works_and_is_warned_stopped_started_and_terminated(start: Start) -> None:
    run = start(ONCE="1", SPEED="120")
    assert run.end() == 0, run.output
    assert run.lines[0].startswith("Scripts really run here")
    assert_told(run.output)
    assert_in_order(
        run.output,
        "step inspect: Success. 0, Tesla T4",
        "Jupyter answers on http://127.0.0.1:",
        "opens d2l-en/pytorch/chapter_linear-regression/linear-regression-concise.ipynb and runs it",
        "prints: w = [2.0, -3.39] b = 4.19",
        "linear-regression-concise.ipynb is running a cell",
        "prints: y = 2.0 x1 -3.4 x2 +4.2 after",
        "answers again, with the same token; 0 kernels survived the stop",
    )
    (token,) = run.cwd.glob(".gpudesk/*/token")
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().startswith("gpd_")


@pytest.mark.usefixtures("a_sandbox")
def test_without_a_sandbox_the_story_is_simulated_and_says_so_with_status_3(start: Start) -> None:
    run = start(*WITHOUT_NAMESPACES, ONCE="1", SPEED="1000")
    assert run.end() == 3, run.output
    assert run.lines[0].startswith("Scripts are only parsed here")
    assert "no sandbox" in run.lines[0]
    assert "SPEED=1000 is faster than pretend machines can report: 240 it is" in run.output
    assert_told(run.output)
    assert "SIMULATE=1 accepts that" in run.output


@pytest.mark.parametrize(("simulate", "is_real", "status"), [(True, False, 0), (False, False, 3), (False, True, 0)])
def test_a_simulation_counts_only_where_it_was_asked_for(simulate: bool, is_real: bool, status: int) -> None:
    assert exit_status_after_demo(Options(once=True, simulate=simulate), is_real=is_real) == status
