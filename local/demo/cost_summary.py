"""Costs of the demo's instance, and numbers of calls to AWS."""

from collections import Counter
from decimal import Decimal
from typing import Any

from local.aws.core.local_cloud import LocalCloud
from local.demo.narrator import Narrator

WEEKEND_HOURS = 60
"""From Friday evening to Monday morning."""


def print_costs(
    cloud: LocalCloud,
    calls_before: tuple[Counter[str], Counter[str]],
    user_calls: Counter[str],
    instance: Any,
    narrator: Narrator,
) -> None:
    """Print the costs and the calls to AWS.

    :param calls_before: calls before the demo: those of gpudesk, and those of instances
    :param user_calls: calls that the person made during the demo; `cloud.calls` includes them
    :param instance: the terminated instance as the API returns it
    """
    status = instance["status"]
    weekend = Decimal(status["price_per_hour"]) * WEEKEND_HOURS
    owner, name = instance["owner"], instance["name"]
    narrator.start_chapter("7. Costs and calls")
    narrator.print_line("gpudesk", f"{name} cost ${status['cost_so_far']} (instance, disk and public IPv4 address).")
    narrator.print_line(
        "gpudesk",
        f"Left running over a weekend, it would have cost ${weekend:.2f} "
        f"({WEEKEND_HOURS} h at ${status['price_per_hour']} for a {status['instance_type']}, without disk and "
        "address).",
    )
    gpudesk_calls = cloud.calls - calls_before[0] - user_calls
    machine_calls = cloud.machine_calls - calls_before[1]
    narrator.print_line("AWS", f"Calls of gpudesk from the request to the termination: {_summarize(gpudesk_calls)}.")
    narrator.print_line("AWS", f"Calls of the instance: {_summarize(machine_calls)}.")
    narrator.print_line("AWS", f"Calls of {owner}, who checked EC2 and SSM herself: {_summarize(user_calls)}.")


def _summarize(calls: Counter[str]) -> str:
    """Return the calls by service: `ec2 12 (RunInstances 1, ...)`."""
    by_service: dict[str, Counter[str]] = {}
    for call, count in calls.items():
        service, _, name = call.partition(":")
        by_service.setdefault(service, Counter())[name] += count
    parts = [f"{service} {counts.total()} ({_format_counts(counts)})" for service, counts in sorted(by_service.items())]
    return "; ".join(parts) or "none"


def _format_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
