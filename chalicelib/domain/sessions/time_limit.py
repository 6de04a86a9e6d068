"""Time that a person waits while gpudesk opens a session, and the tries of a call in that time.

gpudesk makes up to five calls, one after another, and StartSession a few times. Each may take CALL_TIMEOUT, so gpudesk
begins none after LAST_CALL_BEGINS_AT, and all of them end within OPENING_TIMEOUT. If the last of them fails, another
call ends the session that nobody gets.
"""

OPENING_TIMEOUT = 8.0
"""Real seconds for all calls of AWS that open a session."""

CONNECT_TIMEOUT, READ_TIMEOUT = 1.0, 2.0
CALL_TIMEOUT = CONNECT_TIMEOUT + READ_TIMEOUT
MAX_TIMEOUT = OPENING_TIMEOUT + CALL_TIMEOUT
"""Real seconds for all calls of AWS, with the one that ends a session."""

LAST_CALL_BEGINS_AT = OPENING_TIMEOUT - CALL_TIMEOUT

TRY_DELAYS = (0.5, 1.0, 1.5)
"""Seconds before the second and each later try of StartSession while the agent is not connected.

Right after a start, Session Manager may not know the agent yet although it is online. That can last longer than a
person should wait, so the answer then says to try again.
"""


def may_begin_call(elapsed: float) -> bool:
    """Return whether another call of AWS still fits into the time.

    :param elapsed: seconds since the request began
    """
    return elapsed <= LAST_CALL_BEGINS_AT


def find_next_try(try_count: int, elapsed: float) -> float | None:
    """Return the seconds to wait before the next try of StartSession; None: give up.

    :param try_count: number of tries so far
    :param elapsed: seconds since the request began
    """
    if try_count > len(TRY_DELAYS):
        return None
    delay = TRY_DELAYS[try_count - 1]
    # StartSession is followed by one more call, which needs its time too.
    return delay if may_begin_call(elapsed + delay + CALL_TIMEOUT / 2) else None
