"""Describe what a stop would end. A stop warning says it."""

from chalicelib.domain.common.text import join_and, pluralize
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.instances.record import Instance

LIVE_COUNT_NOUNS = {
    "kernels": "kernel",
    "terminals": "Jupyter terminal",
    "tmux": "tmux session",
    "screen": "screen session",
}


def describe_stop_impact(instance: Instance, heartbeat: DecodedHeartbeat) -> str:
    """Return one sentence about what a stop would end, and what stays.

    :param heartbeat: it counts the kernels, terminals and sessions; if it cannot be read, the sentence names only the
        kinds
    """
    live_counts = heartbeat.live_counts if isinstance(heartbeat, Heartbeat) else {}
    live = [pluralize(live_counts[kind], noun) for kind, noun in LIVE_COUNT_NOUNS.items() if live_counts.get(kind)]
    ended = f", among them {join_and(live)}," if live else " (kernels, terminals, tmux)"
    return f"A stop ends all programs{ended} and deletes {describe_lost_files(instance)}. The root disk stays."


def describe_lost_files(instance: Instance) -> str:
    """Return which files a stop deletes: "/tmp and the instance store (125 GB)"."""
    store = instance.spec.hardware.instance_store_gb
    return "/tmp" + (f" and the instance store ({store} GB)" if store else "")  # noqa: S108 - a text for people
