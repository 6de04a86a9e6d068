"""Program of `make run`: start the local cloud and gpudesk, play the demo once, then serve until Ctrl-C.

Exit status:

0    success
1    a step of the demo failed
2    the run could not start: a port, a variable or the run's folder
3    ONCE=1 without SIMULATE=1, but this computer can only simulate scripts, so the demo proves little
130  interrupted before the end of the demo
"""

import os
import sys

from local.isolation import clear_aws_environment
from local.options import BadOption, read_options
from local.ports import PortUnavailable, resolve_ports

CANNOT_START = 2


def main() -> int:
    """Run, and return the exit status."""
    try:
        options = resolve_ports(read_options(os.environ))
    except (BadOption, PortUnavailable) as problem:
        print(problem, file=sys.stderr)
        return CANNOT_START
    clear_aws_environment(os.environ)
    from local.runner import run  # noqa: PLC0415 - modules that it imports read AWS variables at import

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
