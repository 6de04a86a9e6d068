"""Time that a person waits while gpudesk opens a session, and the tries of a call in that time.

gpudesk makes up to five calls, one after another, and StartSession a few times. Each may take CALL_TIMEOUT, and all
together end within OPENING_TIMEOUT. If the last of them fails, another call ends the session that nobody gets.
"""

OPENING_TIMEOUT = 8.0
"""Real seconds for all calls of AWS that open a session."""

CONNECT_TIMEOUT, READ_TIMEOUT = 1.0, 2.0
CALL_TIMEOUT = CONNECT_TIMEOUT + READ_TIMEOUT
MAX_TIMEOUT = OPENING_TIMEOUT + CALL_TIMEOUT
"""Real seconds for all calls of AWS, with the one that ends a session."""


TRY_DELAYS = (0.5, 1.0, 1.5)
"""Seconds before the second and each later try of StartSession while the agent is not connected.

Right after a start, Session Manager may not know the agent yet although it is online. That can last longer than a
person should wait, so the answer then says to try again.
"""

NEXT_CALL_SECONDS = CALL_TIMEOUT / 2
"""StartSession is followed by one more call, which needs its time too."""
