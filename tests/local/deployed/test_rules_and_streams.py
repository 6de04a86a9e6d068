"""EventBridge's rules and Lambda's event source mapping lead to functions as on AWS."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.events.models import EventPattern

from local.deployed.errors import FunctionFailed
from local.deployed.rules import Rule, UnknownSchedule, find_targets, parse_interval
from local.deployed.stream import StreamMapping, deliver_records

EC2 = EventPattern.load('{"source": ["aws.ec2"]}')
HOME_BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"


def build_rule(region: str, target: str, pattern: EventPattern | None = EC2, minutes: int | None = None) -> Rule:
    interval = timedelta(minutes=minutes) if minutes else None
    return Rule("arn", region, pattern if minutes is None else None, interval, (target,))


RULES = [
    build_rule("us-east-1", "function"),
    build_rule("us-west-2", HOME_BUS),
    build_rule("us-east-1", "sweep", None, 5),
]


@pytest.mark.parametrize(
    ("source", "region", "targets"),
    [
        ("aws.ec2", "us-east-1", ["function"]),
        ("aws.ec2", "us-west-2", ["function"]),
        ("aws.ec2", "eu-west-1", []),
        ("aws.ssm", "us-west-2", []),
    ],
)
def test_event_reaches_functions_through_the_rules_of_its_region(source: str, region: str, targets: list[str]) -> None:
    assert list(find_targets(RULES, {"source": source, "region": region})) == targets


def test_rule_that_forwards_to_its_own_bus_does_not_loop() -> None:
    assert list(find_targets([build_rule("us-east-1", HOME_BUS)], {"source": "aws.ec2", "region": "us-east-1"})) == []


def test_schedule_is_due_at_multiples_of_its_rate() -> None:
    due = [minute for minute in range(12) if RULES[2].is_due(datetime(2026, 1, 5, 9, minute, tzinfo=UTC))]
    assert due == [0, 5, 10]


def test_schedule_that_is_no_rate_is_refused() -> None:
    assert parse_interval("rate(1 minute)") == timedelta(minutes=1)
    with pytest.raises(UnknownSchedule, match="cron"):
        parse_interval("cron(0 12 * * ? *)")


def build_mapping(**changed: Any) -> StreamMapping:
    pattern = EventPattern.load(json.dumps({"dynamodb": {"NewImage": {"user_write": {"BOOL": [True]}}}}))
    settings = {"batch_size": 2, "max_retries": 1, "bisects": False, "has_partial_failures": True, **changed}
    return StreamMapping(table="t", function_arn="f", patterns=(pattern,), failure_queue="", **settings)


RECORDS = [{"dynamodb": {"SequenceNumber": str(number)}} for number in range(3)]


class Recorder:
    """Function that records its batches, and fails as told."""

    def __init__(self, *answers: Any) -> None:
        self.batches: list[list[str]] = []
        self._answers = list(answers)

    def invoke(self, event: Mapping[str, Any]) -> Any:
        self.batches.append([record["dynamodb"]["SequenceNumber"] for record in event["Records"]])
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def name_failure(number: str) -> Any:
    return {"batchItemFailures": [{"itemIdentifier": number}]}


def test_filter_passes_what_the_pattern_matches() -> None:
    mapping = build_mapping()
    assert mapping.matches(None, {"user_write": {"BOOL": True}})
    assert not mapping.matches(None, {"user_write": {"BOOL": False}})
    assert not mapping.matches(None, {"name": {"S": "a"}})
    assert not mapping.matches({}, None)


def test_records_come_in_batches() -> None:
    recorder = Recorder()
    assert deliver_records(build_mapping(), RECORDS, recorder.invoke) == []
    assert recorder.batches == [["0", "1"], ["2"]]


def test_failed_batch_is_repeated_and_then_given_up() -> None:
    error = FunctionFailed("f", "KeyError", "")
    recorder = Recorder(error, error)
    assert deliver_records(build_mapping(), RECORDS[:2], recorder.invoke) == RECORDS[:2]
    assert recorder.batches == [["0", "1"], ["0", "1"]]


def test_records_from_the_named_one_on_are_repeated() -> None:
    recorder = Recorder(name_failure("1"))
    assert deliver_records(build_mapping(), RECORDS[:2], recorder.invoke) == []
    assert recorder.batches == [["0", "1"], ["1"]]


def test_named_records_are_ignored_unless_the_mapping_reports_them() -> None:
    recorder = Recorder(name_failure("1"))
    assert deliver_records(build_mapping(has_partial_failures=False), RECORDS[:2], recorder.invoke) == []
    assert recorder.batches == [["0", "1"]]


def test_batch_that_fails_as_a_whole_is_divided() -> None:
    recorder = Recorder(FunctionFailed("f", "KeyError", ""))
    assert deliver_records(build_mapping(batch_size=3, bisects=True), RECORDS, recorder.invoke) == []
    assert recorder.batches == [["0", "1", "2"], ["0"], ["1", "2"]]
