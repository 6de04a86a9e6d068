"""`make run`: the local cloud and the desk, the demo played once, then served until Ctrl-C.

Exit status: 0 all is well; 1 a step of the demo did not happen; 2 it could not be started (a port, a variable);
3 scripts could only be simulated, and ONCE=1 was to prove that they run; 130 it was interrupted in the demo.
"""

import os
import sys

from local.isolation import clear_aws_environment
from local.options import BadOption, read_options
from local.ports import PortTaken, settle_ports

CANNOT_START = 2


def main() -> int:
    """:returns: the exit status"""
    try:
        options = settle_ports(read_options(os.environ))
    except (BadOption, PortTaken) as problem:
        print(problem, file=sys.stderr)
        return CANNOT_START
    clear_aws_environment(os.environ)
    from local.runner import run  # noqa: PLC0415 - it reads AWS's variables when it is imported

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
