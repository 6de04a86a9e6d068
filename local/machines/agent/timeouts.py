"""Time limits of steps, as the agent reads `timeoutSeconds`.

https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/plugins/pluginutil/pluginutil.go (ValidateExecutionTimeout)
"""

import re
from typing import Any

DEFAULT_TIMEOUT = 3600
MIN_TIMEOUT = 5
MAX_TIMEOUT = 172_800

_NUMBER = re.compile(r"[-+]?(\d+(_\d+)*(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
"""Numbers that Go's ParseFloat reads, without its hexadecimal ones. Space around a number is an error in Go."""


def parse_timeout(value: Any) -> float:
    """Return a step's time limit in seconds. As in the agent, fractions are cut, and any value outside 5 to 172800
    means 3600, as does a text that is no number."""
    seconds = _parse_seconds(value)
    return seconds if MIN_TIMEOUT <= seconds <= MAX_TIMEOUT else DEFAULT_TIMEOUT


def _parse_seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return DEFAULT_TIMEOUT
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return DEFAULT_TIMEOUT
    seconds = float(value)
    return int(seconds) if abs(seconds) <= MAX_TIMEOUT + 1 else DEFAULT_TIMEOUT
