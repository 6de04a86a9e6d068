"""What a stop would end, in words: a warning names it."""

from chalicelib.domain.common.text import join_and, pluralize
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.instances.record import Instance

NOUNS = {"kernels": "kernel", "terminals": "Jupyter terminal", "tmux": "tmux session", "screen": "screen session"}


def describe_stop_impact(instance: Instance, report: DecodedHeartbeat) -> str:
    """One sentence.

    :param report: the machine's own, for what lives there; where it cannot be read, the kinds alone are named
    """
    live_counts = report.live_counts if isinstance(report, Heartbeat) else {}
    known = [pluralize(live_counts[kind], noun) for kind, noun in NOUNS.items() if live_counts.get(kind)]
    what = join_and(known) if known else "whatever runs there (kernels, terminals, tmux)"
    store = instance.spec.hardware.instance_store_gb
    disks = f" and its instance store of {store} GB" if store else ""
    return f"A stop ends {what} and empties /tmp{disks}; the root disk is kept"
