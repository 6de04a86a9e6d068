"""Output of a step: the markers of gpudesk's scripts, the lines that show the cause of a failure, and what to do.

The markers are printed by `ssm_documents/lib/prelude/`. A test compares both files.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.common.text import format_message
from chalicelib.domain.common.untrusted_text import clean_output, strip_to_line


@dataclass(frozen=True, kw_only=True)
class StepOutput:
    """Status and output of one step of a document, without control characters and secrets.

    :param status: status that SSM returned
    :param output: standard output, then standard error, as far as SSM returns them
    """

    name: str
    status: str
    exit_code: int
    output: str
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        """Clean the texts, because programs of users write to the output, too."""
        object.__setattr__(self, "name", strip_to_line(self.name))
        object.__setattr__(self, "status", strip_to_line(self.status))
        object.__setattr__(self, "output", clean_output(self.output))


SKIPPED_MARKERS = ("Skipped: this step was done before and has not changed.", "has already run this step")
REBOOT_PATTERN = re.compile(r"^This step runs again, after reboot (\d{1,2})\.$", re.MULTILINE)
MESSAGE_PREFIX = "gpudesk: "
FAILURE_PREFIX = "gpudesk: Failed at: "

INTERRUPTION_MARKER = "document process failed unexpectedly: ipc messaging received timeout signal"
"""Output of the first step of a document during which the system went down.
https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/processor/executer/outofproc/master.go"""

TIMEOUT_EXIT_CODE = 124
"""Exit code of a step that exceeded the time limit within its script, which is shorter than SSM's."""

OUT_OF_MEMORY_EXIT_CODE = 137
"""Exit code of a step that the system killed. If a script exits with it, the agent takes it for one that timed out."""

MAX_LINES, MAX_LINE_LENGTH = 6, 240

_NOISE_PATTERN = re.compile(
    r"^(-+ERROR-+$|-+(Output|Error) truncated-+$|--output truncated--$|"
    r"Step was found to have onFailure property\. |Step exited with code 16[89]\. )"
)
_AGENT_SUFFIX_PATTERN = re.compile(r"failed to run commands: exit status \d+$")
"""Text that the agent adds to standard error without a line break, so it can follow the last line of the script."""

_ERROR_PATTERN = re.compile(
    r"gpudesk: |E: |ERROR|FATAL|fatal: |curl: |error: |Error: |.*\b\w+(Error|Exception): |.*No space left"
)
_CAUSE_END_PATTERN = re.compile(r"(?<=[.?!]) +")
_FAILED_COMMAND_PATTERN = re.compile(rf"{FAILURE_PREFIX}.*\(exit status \d+\)")

_MEMORY_ADVICE = "The instance does not have enough memory. Launch an instance type with more memory."
_ADVICE_BY_OUTPUT = (
    (
        re.compile(r"No space left on device"),
        "The disk is full. Free space in a session, or launch an instance with a larger disk_gib.",
    ),
    (
        re.compile(
            r"Could not resolve|Temporary failure in name resolution|Network is unreachable|Connection timed out|"
            r"Failed to establish a new connection|Could not connect|Max retries exceeded"
        ),
        "The instance cannot reach the internet. Check the routes of the subnet (NAT or internet gateway), or set the "
        "parameter proxy.",
    ),
    (
        re.compile(r"Could not get lock|Unable to acquire the dpkg frontend lock"),
        "Another apt process holds the lock, often Ubuntu's own updates after the first boot. Wait for some minutes.",
    ),
    (
        re.compile(r"\bKilled\b|signal: killed|[Oo]ut of memory|MemoryError|Cannot allocate memory"),
        _MEMORY_ADVICE,
    ),
)
_ADVICE_BY_STATUS = {
    "TimedOut": "The step exceeded its timeout, most likely because of a slow mirror, or memory ran out.",
    "Cancelled": "A person cancelled the command.",
}
_ADVICE_BY_EXIT_CODE = {
    TIMEOUT_EXIT_CODE: "The step exceeded its time limit, most likely because of a slow mirror.",
    OUT_OF_MEMORY_EXIT_CODE: _MEMORY_ADVICE,
}
_DEFAULT_ADVICE = "Open a session to find the cause."


def was_skipped(step: StepOutput) -> bool:
    """Return whether the step had been done before and did nothing."""
    return any(marker in step.output for marker in SKIPPED_MARKERS)


def count_reboots(step: StepOutput) -> int:
    """Return how often the step rebooted the instance."""
    return max((int(number) for number in REBOOT_PATTERN.findall(step.output)), default=0)


def select_relevant_lines(step: StepOutput) -> tuple[str, ...]:
    """Return the last lines that look like an error, or else the last lines: shortened.

    A message of gpudesk's scripts is reduced to the cause: `find_remediation` returns the advice.
    """
    lines = [_AGENT_SUFFIX_PATTERN.sub("", line).strip() for line in step.output.splitlines()]
    lines = [line for line in lines if line and not _NOISE_PATTERN.match(line)]
    errors = [line for line in lines if _ERROR_PATTERN.match(line)]
    return tuple(_shorten(_select_cause(line)) for line in (errors or lines)[-MAX_LINES:])


def select_last_lines(step: StepOutput) -> tuple[str, ...]:
    """Return the last lines of the output, shortened, without the messages of gpudesk's scripts and of the agent."""
    lines = (_AGENT_SUFFIX_PATTERN.sub("", line).strip() for line in step.output.splitlines())
    kept = [line for line in lines if line and not _NOISE_PATTERN.match(line) and not line.startswith(MESSAGE_PREFIX)]
    return tuple(_shorten(line) for line in kept[-MAX_LINES:])


def find_message(step: StepOutput) -> str | None:
    """Return the cause in the last message of gpudesk's scripts, without its prefix; None if there is no message."""
    messages = [line for line in step.output.splitlines() if line.startswith(MESSAGE_PREFIX)]
    return _split_message(messages[-1].removeprefix(MESSAGE_PREFIX))[0] if messages else None


def find_remediation(step: StepOutput) -> str:
    """Return what to do after a failure: the advice that the script printed, or advice for a common cause.

    It does not say to run the document again: gpudesk does that itself, or says it at the end of a setup.
    """
    messages = [
        line
        for line in step.output.splitlines()
        if line.startswith(MESSAGE_PREFIX) and not line.startswith(FAILURE_PREFIX)
    ]
    if messages:
        _, advice = _split_message(messages[-1])
        if advice:
            return format_message(advice)
    for pattern, advice in _ADVICE_BY_OUTPUT:
        if pattern.search(step.output):
            return advice
    return _ADVICE_BY_STATUS.get(step.status) or _ADVICE_BY_EXIT_CODE.get(step.exit_code, _DEFAULT_ADVICE)


def _select_cause(line: str) -> str:
    """Return the line without the advice of a message."""
    failed_command = _FAILED_COMMAND_PATTERN.match(line)
    if failed_command:
        return failed_command[0]
    return _split_message(line)[0] if line.startswith(MESSAGE_PREFIX) else line


def _split_message(line: str) -> tuple[str, str]:
    """Return the cause (the first sentence) and the advice (the rest) of a message; the advice can be empty."""
    cause, *advice = _CAUSE_END_PATTERN.split(line, maxsplit=1)
    return cause, "".join(advice)


def _shorten(line: str) -> str:
    """Return the line, cut between two words and marked if it is too long."""
    if len(line) <= MAX_LINE_LENGTH:
        return line
    return f"{line[: MAX_LINE_LENGTH - 3].rsplit(maxsplit=1)[0]}..."
