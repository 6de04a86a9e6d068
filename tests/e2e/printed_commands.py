"""The commands that the pages of the documentation print, in their order, and the reasons why some are not run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NOT_RUN = {
    r"make (run|test|setup|benchmark)\b": "other tests run the program; benchmarks take minutes",
    r"gpudesk-(history|keep|hold)\b": "runs on an instance; tests/ssm_documents runs it",
    r"gpudesk-session\b": "needs the session-manager-plugin; tests/unit/tools runs it",
    r"aws |for TABLE in |done$": "needs AWS",
    r"--parameters |mkdir agent/contract|go run|\.venv/bin/python -m tests\.local\.machines": "needs AWS or Go",
    r"(Host\w*|User|Identit\w+|StrictHost\w+|Connect\w+|ServerAlive\w+|ProxyCommand) ": "is a configuration of ssh",
    r".*modify_instance_attribute": "needs an instance that is stopped",
    r".*\$ID/(interruption|rebalance)": "needs an instance on spot; test_spot_requests.py interrupts one",
    r".*(instances/adopt\"|/adoptions/i-)": "needs the tag gpudesk:adopt; tests/scenario/foreign adopts an instance",
    r"(from|import|with) |(clock|ec2) = |cloud\.": "is a Python example; test_documentation.py runs it",
    r"\d\d:\d\d:\d\d |cloud   real  who": "is output of the demo",
    r"recipe d2l-mxnet does |Compatible in |requested -> |\{": "is output",
    r"#|set -euo|source include:": "is part of a script on an instance",
}
"""The beginnings of lines in code blocks that are not run, and why."""

_SHELL = re.compile(
    r"(curl|export|echo|cp|\.venv/bin/python|make (replay|build-documents|token|revoke-tokens|preview)|[A-Z]+=\S+)\b"
)
_HTTP = re.compile(r"(?P<method>GET|POST|PATCH|DELETE) +(?P<path>/\S+) *(?P<body>\{.*\})?")
_FENCED_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE_BLOCK = re.compile(r"(?:\A|\n\n)((?:    .*\n?)+)")
"""Indented lines after an empty line. Without the empty line, they continue an item of a list."""
_CODE_LINE = re.compile(r"^    (\S.*)$", re.MULTILINE)
_INLINE = re.compile(r"`(make (?:token|revoke-tokens|preview) [^`]*LOCAL=[^`]*)`")
_COMMENT = re.compile(r"\s{2,}#.*$")


@dataclass(frozen=True)
class PrintedCommand:
    """One line of a code block.

    :param command: the line for bash; None: the line is neither a command nor excluded with a reason
    """

    line: str
    command: str | None


def list_printed_commands(page: Path) -> Iterator[PrintedCommand]:
    """Yield the lines of a page's indented code blocks, and its commands in the text, without excluded lines."""
    text = _FENCED_BLOCK.sub("", page.read_text())
    lines = [line for block in _CODE_BLOCK.findall(text) for line in _CODE_LINE.findall(block)]
    for line in (*lines, *_INLINE.findall(text)):
        if not any(re.match(pattern, line) for pattern in NOT_RUN):
            yield PrintedCommand(line, _to_command(_COMMENT.sub("", line)))


def _to_command(line: str) -> str | None:
    """Return the command for bash. A line such as `POST /path {...}` becomes a curl with the README's variables."""
    if http := _HTTP.match(line):
        body = f" -d '{http['body']}'" if http["body"] else ""
        return f'curl -s -X {http["method"]} -H "$T" -H "$J"{body} "$A{http["path"]}"'
    return line if _SHELL.match(line) else None
