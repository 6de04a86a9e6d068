"""Exit statuses of `make run`."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of a run.

    :cvar SUCCESS: the demo succeeded, or serving was ended by Ctrl-C
    :cvar DEMO_FAILED: a step of the demo failed
    :cvar CANNOT_START: the run cannot start because of a port, a variable, the run's folder or a missing program
    :cvar ONLY_SIMULATED: ONCE=1 without SIMULATE=1 on a computer that can only simulate scripts, so that the demo
        proves little
    :cvar OUTPUT_CLOSED: the reader of the output ended before the run, as in `make run | head`
    :cvar INTERRUPTED: the run was interrupted before the end of the demo
    """

    SUCCESS = 0
    DEMO_FAILED = 1
    CANNOT_START = 2
    ONLY_SIMULATED = 3
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
