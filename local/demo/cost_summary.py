"""What it cost: dollars, and calls of AWS."""

from collections import Counter
from decimal import Decimal
from typing import Any

from local.aws.core.local_cloud import LocalCloud
from local.demo.narrator import Narrator

WEEKEND_HOURS = 60
"""Friday evening to Monday morning."""


def print_costs(
    cloud: LocalCloud, before: tuple[Counter[str], Counter[str]], persons: Counter[str], shown: Any, narrator: Narrator
) -> None:
    """The last page.

    :param before: the calls of desk and machines until the request
    :param persons: those that the person made meanwhile, which are not the desk's
    :param shown: the instance at its end
    """
    status = shown["status"]
    weekend = Decimal(status["price_per_hour"]) * WEEKEND_HOURS
    narrator.chapter("The bill")
    spent = f"${status['cost_so_far']} (machine, disk and address, by the second)"
    narrator.line("gpudesk", f"{shown['name']} cost {spent}")
    narrator.line(
        "gpudesk",
        f"forgotten over a weekend it would have cost ${weekend:.2f} "
        f"({WEEKEND_HOURS} h at ${status['price_per_hour']} for a {status['instance_type']})",
    )
    desk = cloud.calls - before[0] - persons
    narrator.line("calls", f"from request to terminated the desk called {_summary(desk)}")
    narrator.line("calls", f"the machine itself called {_summary(cloud.calls_of_machines - before[1])}")
    narrator.line("calls", f"{shown['owner']}, with keys of her own, called {_summary(persons)}")


def _summary(calls: Counter[str]) -> str:
    """By service: `EC2 12 times (RunInstances 1, ...)`."""
    by_service: dict[str, Counter[str]] = {}
    for call, count in calls.items():
        service, _, name = call.partition(":")
        by_service.setdefault(service, Counter())[name] += count
    parts = [f"{service} {counts.total()} times ({_names(counts)})" for service, counts in sorted(by_service.items())]
    return "; ".join(parts) or "nothing"


def _names(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
