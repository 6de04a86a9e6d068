"""Rules of every step: one step at a time on an instance, once per attempt, and not again after a success."""

from tests.support.prelude import StepRunner


def test_unexpected_failure_names_the_command(runner: StepRunner) -> None:
    status, _, errors = runner.run_with_errors("install_it() { ls /nonexistent; }; install_it")
    assert status == 2
    assert "gpudesk: Failed at: ls /nonexistent (exit status 2)" in errors
    status, _, errors = runner.run_with_errors('fail "No route. Open the subnet."', attempt="a2")
    assert (status, errors) == (1, "gpudesk: No route. Open the subnet.\n")
