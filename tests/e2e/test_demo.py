"""Demo of `make run ONCE=1`: one instance from its request to its termination, over HTTP."""

import re
import stat

import pytest

from local.options import Options
from local.runner import choose_exit_status
from tests.e2e.conftest import Start
from tests.e2e.runs import ONE_REGION, WITHOUT_NAMESPACES

IN_ORDER = (
    "POST /instances",
    "202 Accepted",
    "has no capacity for",
    "as g4dn.xlarge in",
    "responds. Recipe d2l-pytorch is being set up",
    "gpudesk-probe succeeded",
    "gpudesk-d2l-pytorch succeeded",
    "is ready. Recipe d2l-pytorch was set up",
    "A sweep ran and did not stop the instance",
    "will be stopped at",
    "is being stopped. Every enabled signal has been quiet",
    "POST .../start",
    "AWS has no capacity for",
    "status.start: next try at",
    "waited for capacity for",
    "DELETE /instances",
    "Left running over a weekend, it would have cost $31.56",
    "RunInstances 2",
)


def assert_all_chapters_played(output: str) -> None:
    """Check the order of the chapters, and that EC2 itself showed each state."""
    assert_in_order(output, *IN_ORDER)
    assert re.findall(r"DescribeInstances: i-\w+ is (\w+)", output) == ["running", "stopped", "running", "terminated"]
    tries = re.findall(r"Try \d: g4dn.xlarge in (\S+), \$0.526 per hour: (\w+)", output)
    assert tries == [("us-west-2a", "no_capacity"), ("us-west-2b", "launched")]


def assert_in_order(output: str, *texts: str) -> None:
    """Check that the texts occur in this order, regardless of line breaks."""
    flat, at = " ".join(output.split()), 0
    for text in texts:
        at = flat.find(text, at)
        assert at >= 0, f"{text!r} is missing or comes too early in:\n{output}"
        at += len(text)


@pytest.mark.usefixtures("a_sandbox")
def test_demo_with_real_scripts_plays_every_chapter(start: Start) -> None:
    run = start(ONCE="1", SPEED="120")
    assert run.wait() == 0, run.output
    assert run.lines[0].startswith("Scripts really run")
    assert_all_chapters_played(run.output)
    assert_in_order(
        run.output,
        "gpudesk-probe, step inspect: Success. Last line of output: 0, Tesla T4",
        "Jupyter Answers on http://127.0.0.1:",
        "Opens d2l-en/pytorch/chapter_linear-regression/linear-regression-concise.ipynb and runs it.",
        "Prints: w = [2.0, -3.39] b = 4.19",
        "linear-regression-concise.ipynb is running a cell",
        "Is interrupted and prints: y = 2.0 x1 -3.4 x2 +4.2 after",
        "Answers again with the same token. Kernels that survived the stop: 0.",
    )
    (token,) = run.cwd.glob(".gpudesk/*/token")
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().startswith("gpd_")


@pytest.mark.usefixtures("a_sandbox")
def test_demo_without_sandbox_is_simulated_and_ends_with_status_3(start: Start) -> None:
    run = start(*WITHOUT_NAMESPACES, ONCE="1", SPEED="240", REGIONS=ONE_REGION)
    assert run.wait() == 3, run.output
    assert run.lines[0].startswith("Scripts are checked but not run")
    assert "cannot run a sandbox" in run.lines[0]
    assert_all_chapters_played(run.output)
    assert "Set SIMULATE=1 to accept that" in run.output


@pytest.mark.parametrize(("simulate", "is_real", "status"), [(True, False, 0), (False, False, 3), (False, True, 0)])
def test_exit_status_accepts_simulation_only_on_request(simulate: bool, is_real: bool, status: int) -> None:
    assert choose_exit_status(Options(once=True, simulate=simulate), is_real=is_real) == status
