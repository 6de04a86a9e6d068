"""Program of `make run`: start the local cloud and gpudesk, play the demo once, then serve until Ctrl-C.

`options.py` describes its variables, and `exit_status.py` its exit statuses.
"""

import os
import sys

from local.exit_status import ExitStatus
from local.isolation import clear_aws_environment
from local.options import BadOption, read_options
from local.ports import PortUnavailable, resolve_ports


def main() -> int:
    """Run, and return a value of `ExitStatus`."""
    clear_aws_environment(os.environ)
    try:
        options = resolve_ports(read_options(os.environ))
    except (BadOption, PortUnavailable) as problem:
        print(problem, file=sys.stderr)
        return ExitStatus.CANNOT_START
    from local.runner import run  # noqa: PLC0415 - it imports modules that read AWS variables at import

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
