"""What a step said: which of its lines matter, what the prelude of ours says in them, and what a person can do.

The sentences of the prelude are in `ssm_documents/lib/prelude.sh`; a test holds both together.
"""

import re
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class StepOutput:
    """One step of a document that ran.

    :param output: what it said, then its errors, as far as SSM keeps them
    """

    name: str
    status: str
    exit_code: int
    output: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


SKIPPED_MARKERS = ("This step was done before, and nothing in it has changed: skipped.", "has already done this step")
REBOOT_PATTERN = re.compile(r"^This step runs again, after reboot (\d{1,2})\.$", re.MULTILINE)
MESSAGE_PREFIX = "gpudesk: "
FAILURE_PREFIX = "gpudesk: It broke at: "

MAX_LINES, MAX_LINE_LENGTH = 6, 240

_NOISE = re.compile(r"^(failed to run commands: |-+ERROR-+$|-+(Output|Error) truncated-+$|--output truncated--$)")
_TELLING = re.compile(
    r"gpudesk: |E: |ERROR|FATAL|fatal: |curl: |error: |Error: |.*\b\w+(Error|Exception): |.*No space left"
)
_SECRETS = (
    (re.compile(r"://[^/\s@]+@"), "://***@"),
    (re.compile(r"(?i)\b((?:token|password|passwd|secret|api_?key)\s*[=:]\s*)\S+"), r"\1***"),
)
"""What a package index's address may carry, and a failing pip repeats; and what nobody should print."""

_AGAIN = "run the setup again: what is done is skipped"
_NO_WAY_OUT = (
    "The machine did not reach the internet: look at the subnet's route (NAT or internet gateway), or give a proxy"
)
_HINTS = (
    (
        re.compile(r"No space left on device"),
        "The disk is full: free some of it in a session, or ask for an instance with a larger disk_gib",
    ),
    (
        re.compile(
            r"Could not resolve|Temporary failure in name resolution|Network is unreachable|Connection timed out|"
            r"Failed to establish a new connection|Could not connect|Max retries exceeded"
        ),
        f"{_NO_WAY_OUT}; then {_AGAIN}",
    ),
    (
        re.compile(r"Could not get lock|Unable to acquire the dpkg frontend lock"),
        f"Another apt holds the lock, often Ubuntu's own updates after the first boot: wait some minutes and {_AGAIN}",
    ),
    (
        re.compile(r"\bKilled\b|[Oo]ut of memory|MemoryError|Cannot allocate memory"),
        "The machine has too little memory for it: ask for an instance type with more",
    ),
)
_BY_STATUS = {
    "TimedOut": f"It took longer than it may; a slow mirror is the most likely reason: {_AGAIN}",
    "Cancelled": f"Somebody cancelled the command: {_AGAIN}",
}
_OTHERWISE = f"Open a session on it to find the cause; then {_AGAIN}"


def was_skipped(step: StepOutput) -> bool:
    """Whether it found that there was nothing to be done."""
    return any(words in step.output for words in SKIPPED_MARKERS)


def count_reboots(step: StepOutput) -> int:
    """How often it had the machine reboot."""
    return max((int(number) for number in REBOOT_PATTERN.findall(step.output)), default=0)


def select_relevant_lines(step: StepOutput) -> tuple[str, ...]:
    """The last lines that look like the reason, or else the last lines; cut, and without credentials."""
    lines = [line.strip() for line in step.output.splitlines()]
    lines = [line for line in lines if line and not _NOISE.match(line)]
    telling = [line for line in lines if _TELLING.match(line)]
    return tuple(redact(line)[:MAX_LINE_LENGTH] for line in (telling or lines)[-MAX_LINES:])


def find_remediation(step: StepOutput) -> str:
    """What the step itself says of it, or else what such failures usually need."""
    own = [
        line
        for line in step.output.splitlines()
        if line.startswith(MESSAGE_PREFIX) and not line.startswith(FAILURE_PREFIX)
    ]
    if own:
        submitted = re.split(r"(?<=[.?!]) ", redact(own[-1].removeprefix(MESSAGE_PREFIX)), maxsplit=1)
        if len(submitted) > 1:
            return submitted[1]
    for pattern, hint in _HINTS:
        if pattern.search(step.output):
            return hint
    return _BY_STATUS.get(step.status, _OTHERWISE)


def redact(text: str) -> str:
    """Without what looks like a credential."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
