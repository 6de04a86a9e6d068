"""EventBridge of the local cloud: rules of deployed stacks with a pattern or a rate, and the targets that they invoke.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
from moto.events.models import EventPattern

RATE = re.compile(r"rate\((?P<count>[0-9]+) (?P<unit>minute|hour|day)s?\)")
BUS = ":event-bus/"
DEFAULT_BUS = "default"
EVENTS = "events.amazonaws.com"
"""The principal of EventBridge."""


class UnknownSchedule(ValueError):
    """A rule has a schedule expression that this module does not read."""


@dataclass(frozen=True)
class Target:
    """A function or a bus to which a rule sends events.

    :param role: ARN of the role with which EventBridge sends; empty: there is none
    """

    arn: str
    role: str = ""


@dataclass(frozen=True)
class Rule:
    """An enabled rule of the default bus of a region.

    :param pattern: EventBridge's pattern; None for a schedule
    :param interval: time between two events of a schedule; None for a pattern
    """

    arn: str
    region: str
    pattern: EventPattern | None
    interval: timedelta | None
    targets: tuple[Target, ...]

    def matches(self, event: Any) -> bool:
        """Return whether the rule passes on an event of its region."""
        return self.pattern is not None and self.pattern.matches_event(event)

    def is_due(self, minute: datetime) -> bool:
        """Return whether the schedule has an event in this minute."""
        if self.interval is None:
            return False
        return int(minute.timestamp()) // 60 % int(self.interval.total_seconds() // 60) == 0


MayForward = Callable[[Rule, Target, Any], bool]
"""Function that returns whether the role of a target lets a rule send an event to its bus."""


def read_rules(regions: Sequence[str]) -> list[Rule]:
    """Return the enabled rules of all regions.

    :raises UnknownSchedule: a schedule is no rate
    """
    return [rule for region in regions for rule in _read_rules(region)]


def find_targets(rules: Sequence[Rule], event: Any, may_forward: MayForward) -> Iterator[str]:
    """Yield the functions that an event invokes, also those behind a rule that forwards it to another region's bus."""
    passed, regions = set(), [event["region"]]
    while regions:
        region = regions.pop()
        passed.add(region)
        for rule in rules:
            if rule.region != region or not rule.matches(event):
                continue
            for target in rule.targets:
                if BUS not in target.arn:
                    yield target.arn
                elif (other := target.arn.split(":")[3]) not in passed and may_forward(rule, target, event):
                    regions.append(other)


def _read_rules(region: str) -> Iterator[Rule]:
    client = boto3.client("events", region)
    for each in client.list_rules(EventBusName=DEFAULT_BUS)["Rules"]:
        if each.get("State") != "ENABLED":
            continue
        targets = client.list_targets_by_rule(Rule=each["Name"])["Targets"]
        yield Rule(
            each["Arn"],
            region,
            EventPattern.load(each["EventPattern"]) if each.get("EventPattern") else None,
            parse_interval(each["ScheduleExpression"]) if each.get("ScheduleExpression") else None,
            tuple(Target(target["Arn"], target.get("RoleArn", "")) for target in targets),
        )


def parse_interval(expression: str) -> timedelta:
    """Return the time between two events of a rate such as `rate(5 minutes)`.

    :raises UnknownSchedule: the expression is no rate
    """
    match = RATE.fullmatch(expression)
    if match is None:
        raise UnknownSchedule(f"The local cloud reads rates such as rate(5 minutes), not {expression!r}.")
    return timedelta(**{f"{match['unit']}s": int(match["count"])})
