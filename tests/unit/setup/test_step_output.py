"""Evaluation of the output of a step: the cause of a failure, what to do, and the markers that the scripts print."""

import pytest

from chalicelib.domain.setup.step_output import (
    FAILURE_PREFIX,
    MAX_LINE_LENGTH,
    SKIPPED_MARKERS,
    StepOutput,
    count_reboots,
    find_remediation,
    select_relevant_lines,
    was_skipped,
)
from local.machines.agent.output import EXIT_FAILURE_NOTE, EXIT_SUCCESS_NOTE, ON_FAILURE_NOTE
from ssm_documents.step_script import read_prelude

PRELUDE = read_prelude()


def build_step(output: str, status: str = "Failed", exit_code: int = 1) -> StepOutput:
    return StepOutput(name="install", status=status, exit_code=exit_code, output=output)


def test_markers_are_those_of_the_prelude() -> None:
    assert all(words in PRELUDE for words in SKIPPED_MARKERS)
    assert FAILURE_PREFIX in PRELUDE
    assert "This step runs again, after reboot $(gpudesk_count_reboots)." in PRELUDE


def test_lines_that_look_like_an_error_are_selected() -> None:
    output = "\n".join(
        [
            *("Get:1 http://archive.ubuntu.com" for _ in range(50)),
            "E: Unable to locate package libfoo",
            "----------ERROR-------",
            "gpudesk: It broke at: apt-get install libfoo (exit status 100). Above is what was output before.",
            "failed to run commands: exit status 100",
        ]
    )
    assert select_relevant_lines(build_step(output)) == (
        "E: Unable to locate package libfoo",
        "gpudesk: It broke at: apt-get install libfoo (exit status 100).",
    )


def test_sentences_of_the_agent_are_noise() -> None:
    output = "\n".join(
        [
            "collecting",
            "E: no space",
            "Step was found to have onFailure property. Further document steps will be skipped.",
            "----------ERROR-------",
            "curl: (6) no hostfailed to run commands: exit status 6",
            "Step was found to have onFailure property. Further document steps will be skipped.",
            "Step exited with code 169. Therefore, marking step as Failed. Further document steps will be skipped.",
        ]
    )
    assert select_relevant_lines(build_step(output)) == ("E: no space", "curl: (6) no host")
    assert select_relevant_lines(build_step(ON_FAILURE_NOTE + EXIT_FAILURE_NOTE + EXIT_SUCCESS_NOTE)) == ()


def test_signal_that_ended_a_step_is_selected() -> None:
    killed = build_step("failed to run commands: signal: killed", exit_code=-1)
    assert select_relevant_lines(killed) == ("failed to run commands: signal: killed",)
    assert "not have enough memory" in find_remediation(killed)


@pytest.mark.parametrize(
    ("exit_code", "status", "hint"),
    [
        (124, "Failed", "exceeded its time limit"),
        (137, "Failed", "not have enough memory"),
        (137, "TimedOut", "or memory ran out"),
    ],
)
def test_advice_follows_from_the_exit_code_if_nothing_is_printed(exit_code: int, status: str, hint: str) -> None:
    assert hint in find_remediation(build_step("Going.", status, exit_code))


def test_last_lines_are_selected_if_none_looks_like_an_error() -> None:
    assert select_relevant_lines(build_step("\n".join(f"line {number}" for number in range(20)))) == tuple(
        f"line {number}" for number in range(14, 20)
    )
    assert select_relevant_lines(build_step("")) == ()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("ERROR: Looking in indexes: https://ada:hunter2@index.example.org/simple", "https://***@index"),
        ("Error: token=abc123 was refused", "token=***"),
        ("gpudesk: PASSWORD: hunter2 is wrong", "PASSWORD: ***"),
        ("E: AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=***"),
        ("\x1b[31mERROR\x1b[0m: Authorization: Bearer abc123", "ERROR: Authorization: ***"),
    ],
)
def test_credentials_are_redacted(output: str, expected: str) -> None:
    (line,) = select_relevant_lines(build_step(output))
    assert expected in line
    assert "hunter2" not in line
    assert "abc123" not in line


def test_colored_error_is_recognized_and_holds_nothing_that_a_terminal_obeys() -> None:
    output = "\x1b]0;title\a\x1b[1;31mERROR: \u202eno\x00 wheel\x1b[0m\r\nGoing on.\nDone.\n"
    assert select_relevant_lines(build_step(output)) == ("ERROR: no wheel",)


def test_advice_holds_no_credentials() -> None:
    assert find_remediation(build_step("gpudesk: No access. Use token=hunter2 again.")) == "Use token=*** again."


def test_private_key_over_several_lines_is_masked() -> None:
    output = "Going.\n-----BEGIN PRIVATE KEY-----\nMIIE\nAAAA\n-----END PRIVATE KEY-----\nDone."
    assert select_relevant_lines(build_step(output)) == ("Going.", "***", "Done.")


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("gpudesk: No driver. Launch with another image.", "Launch with another image."),
        ("write failed: No space left on device\ngpudesk: Failed at: tar x (exit status 2).", "larger disk_gib"),
        ("curl: (6) Could not resolve host: github.com", "routes of the subnet"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend.", "Another apt process holds the lock"),
        ("line 12: 4242 Killed", "instance type with more memory"),
        ("something else", "Open a session to find the cause"),
    ],
)
def test_remediation_fits_the_cause(output: str, hint: str) -> None:
    assert hint in find_remediation(build_step(output))


def test_remediation_of_a_timeout_names_a_slow_mirror() -> None:
    assert "slow mirror" in find_remediation(build_step("Going.", "TimedOut"))


def test_skipped_steps_and_reboots_are_detected_in_the_output() -> None:
    assert was_skipped(build_step("Skipped: this step was done before and has not changed.\n"))
    assert not was_skipped(build_step("Installed.\n"))
    twice = "a\nThis step runs again, after reboot 1.\nb\nThis step runs again, after reboot 2.\n"
    assert count_reboots(build_step(twice)) == 2
    assert count_reboots(build_step("")) == 0


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            "gpudesk: https://d2l.ai/d2l-en-1.0.3.zip has a wrong SHA-256 (expected aa), so the download was deleted. "
            "Check whether a proxy sent something else. Otherwise the file was changed: do not use it.",
            "gpudesk: https://d2l.ai/d2l-en-1.0.3.zip has a wrong SHA-256 (expected aa), so the download was deleted.",
        ),
        (
            "gpudesk: Failed at: echo Done. && false (exit status 1). The output of the step says why.",
            "gpudesk: Failed at: echo Done. && false (exit status 1)",
        ),
        ("E: Unable to locate package libfoo. Try again.", "E: Unable to locate package libfoo. Try again."),
    ],
)
def test_selected_line_holds_the_cause_and_not_the_advice(line: str, cause: str) -> None:
    assert select_relevant_lines(build_step(line)) == (cause,)


def test_long_line_is_cut_between_words_and_marked() -> None:
    (line,) = select_relevant_lines(build_step("E: " + "package " * 60))
    assert line.endswith("package...")
    assert len(line) <= MAX_LINE_LENGTH
    (unbroken,) = select_relevant_lines(build_step("x" * 500))
    assert (len(unbroken), unbroken[-4:]) == (MAX_LINE_LENGTH, "x...")
