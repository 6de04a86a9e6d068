"""Event loop of the first process of a machine."""

import os
from contextlib import suppress

from local.machines.inside.loop import EventLoop


def ready_pipe() -> int:
    read, write = os.pipe()
    os.write(write, b"!")
    os.close(write)
    return read


def test_timers_fire_in_order_unless_cancelled() -> None:
    loop, observation = EventLoop(), list[str]()
    loop.call_after(0.002, lambda: observation.append("second"))
    loop.call_after(0.001, lambda: observation.append("first"))
    loop.call_after(0, lambda: observation.append("never")).cancel()
    loop.run(is_over=lambda: len(observation) == 2)
    loop.close()
    assert observation == ["first", "second"]


def test_reused_file_number_does_not_get_callback_of_closed_file() -> None:
    loop, observation = EventLoop(), list[str]()
    files = [ready_pipe(), ready_pipe()]

    def close_both_and_reopen() -> None:
        observation.append("old")
        for file in files:
            loop.unwatch(file)
            os.close(file)
        pairs = [os.pipe() for _ in range(2)]
        new = [end for pair in pairs for end in pair if end in files]
        assert new
        for file in new:
            with suppress(ValueError):
                loop.watch(file, lambda: observation.append("new"))

    for file in files:
        loop.watch(file, close_both_and_reopen)
    turns = iter([False, True])
    loop.run(is_over=lambda: next(turns) if not observation else True)
    loop.close()
    assert observation == ["old"]
