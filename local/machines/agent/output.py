"""Texts that the agent reports for a step: its output, cut to the agent's limits, and the sentences that it adds.

Limits count bytes, as in Go. https://github.com/aws/amazon-ssm-agent/blob/mainline/agent (StringPrefix in
plugins/pluginutil/pluginutil.go, TruncateOutput in framework/processor/executer/iohandler/iohandler.go)
"""

import signal

STREAM_LIMIT = 24_000
"""Limit of standard output, and of standard error too: RunPlugins cuts both to the limit of standard output."""

LISTED_LIMIT = 2_500
CUT_MARK = "--output truncated--"
ERROR_RULE = "\n----------ERROR-------\n"
OUTPUT_CUT, ERROR_CUT = "\n---Output truncated---", "\n---Error truncated----"

EXIT_SUCCESS_NOTE = (
    "\nStep exited with code 168. Therefore, marking step as succeeded. Further document steps will be skipped."
)
EXIT_FAILURE_NOTE = (
    "\nStep exited with code 169. Therefore, marking step as Failed. Further document steps will be skipped."
)
ON_FAILURE_NOTE = "\nStep was found to have onFailure property. Further document steps will be skipped."
INTERRUPTED_MESSAGE = (
    "document process failed unexpectedly: ipc messaging received timeout signal , "
    "check [ssm-document-worker]/[ssm-session-worker] log for crash reason"
)
"""Output of the first step if the machine went down during the document (messaging in
framework/processor/executer/outofproc/master.go)."""


def cut_output(text: str, limit: int = STREAM_LIMIT) -> str:
    """Return output as the agent reports it: complete if it is shorter than `limit`, else cut to `limit` bytes."""
    data = text.encode()
    return text if len(data) < limit else _cut(data, limit - len(CUT_MARK)) + CUT_MARK


def combine_output(stdout: str, stderr: str) -> str:
    """Return standard output and error as one text. Like the agent, cut the longer one first."""
    out, errors = stdout.encode(), stderr.encode()
    rule = ERROR_RULE if errors else ""
    room = LISTED_LIMIT - len(rule)
    if len(out) + len(errors) < room:
        return stdout + rule + stderr
    if len(out) > room // 2 and len(errors) > room // 2:
        half = (room - len(OUTPUT_CUT) - len(ERROR_CUT)) // 2
        return _cut(out, half) + OUTPUT_CUT + rule + _cut(errors, half) + ERROR_CUT
    if len(out) <= room // 2:
        return stdout + rule + _cut(errors, room - len(ERROR_CUT) - len(out)) + ERROR_CUT
    return _cut(out, room - len(OUTPUT_CUT) - len(errors)) + OUTPUT_CUT + rule + stderr


def describe_exit(exit_code: int) -> str:
    """Return how Go describes the end of a process: an exit status, or the signal that ended it.

    :param exit_code: exit code, or the negative number of the signal
    """
    if exit_code >= 0:
        return f"exit status {exit_code}"
    return f"signal: {(signal.strsignal(-exit_code) or f'signal {-exit_code}').lower()}"


def _cut(data: bytes, size: int) -> str:
    return data[:size].decode(errors="replace")
