"""EventBridge's rules and Lambda's event source mapping lead to functions as on AWS."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.events.models import EventPattern

from local.deployed.errors import FunctionFailed
from local.deployed.rules import Rule, Target, UnknownSchedule, find_targets, parse_interval
from local.deployed.stream import StreamMapping
from local.deployed.stream_delivery import StreamDelivery

EC2 = EventPattern.load('{"source": ["aws.ec2"]}')
HOME_BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"


def build_rule(region: str, target: str, pattern: EventPattern | None = EC2, minutes: int | None = None) -> Rule:
    interval = timedelta(minutes=minutes) if minutes else None
    return Rule("arn", region, pattern if minutes is None else None, interval, (Target(target),))


def allow(rule: Rule, target: Target, event: Any) -> bool:
    return True


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
    assert list(find_targets(RULES, {"source": source, "region": region}, allow)) == targets


def test_event_that_a_role_may_not_forward_stays_in_its_region() -> None:
    seen: list[tuple[Rule, Target]] = []

    def refuse(rule: Rule, target: Target, event: Any) -> bool:
        seen.append((rule, target))
        return False

    assert list(find_targets(RULES, {"source": "aws.ec2", "region": "us-west-2"}, refuse)) == []
    assert seen == [(RULES[1], Target(HOME_BUS))]


def test_rule_that_forwards_to_its_own_bus_does_not_loop() -> None:
    rules = [build_rule("us-east-1", HOME_BUS)]
    assert list(find_targets(rules, {"source": "aws.ec2", "region": "us-east-1"}, allow)) == []


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
    settings = {"max_age": timedelta(minutes=5), "failure_queue": "", **settings}
    stream = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026"
    return StreamMapping(stream=stream, function_arn="f", patterns=(pattern,), **settings)


START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def build_records(*minutes: int) -> list[Any]:
    """Return records, each created so many minutes after the start."""
    return [
        {
            "dynamodb": {
                "SequenceNumber": str(number),
                "ApproximateCreationDateTime": (START + timedelta(minutes=minute)).timestamp(),
            }
        }
        for number, minute in enumerate(minutes)
    ]


RECORDS = build_records(0, 0, 0)


def deliver(mapping: StreamMapping, records: list[Any], recorder: "Recorder", *, minute: int = 0) -> list[Any]:
    return StreamDelivery(mapping, recorder.invoke, lambda: START + timedelta(minutes=minute)).deliver(records)


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
    assert deliver(build_mapping(), RECORDS, recorder) == []
    assert recorder.batches == [["0", "1"], ["2"]]


def test_failed_batch_is_repeated_and_then_given_up() -> None:
    error = FunctionFailed("f", "KeyError", "")
    recorder = Recorder(error, error)
    assert deliver(build_mapping(), RECORDS[:2], recorder) == RECORDS[:2]
    assert recorder.batches == [["0", "1"], ["0", "1"]]


def test_records_from_the_named_one_on_are_repeated() -> None:
    recorder = Recorder(name_failure("1"))
    assert deliver(build_mapping(), RECORDS[:2], recorder) == []
    assert recorder.batches == [["0", "1"], ["1"]]


def test_named_records_are_ignored_unless_the_mapping_reports_them() -> None:
    recorder = Recorder(name_failure("1"))
    assert deliver(build_mapping(has_partial_failures=False), RECORDS[:2], recorder) == []
    assert recorder.batches == [["0", "1"]]


def test_batch_that_fails_as_a_whole_is_divided() -> None:
    recorder = Recorder(FunctionFailed("f", "KeyError", ""))
    assert deliver(build_mapping(batch_size=3, bisects=True), RECORDS, recorder) == []
    assert recorder.batches == [["0", "1", "2"], ["0"], ["1", "2"]]


ERROR = FunctionFailed("f", "KeyError", "")


@pytest.mark.parametrize(("minute", "calls"), [(5, 2), (6, 1)])
def test_record_that_is_too_old_is_not_tried_again(minute: int, calls: int) -> None:
    recorder = Recorder(ERROR, ERROR)
    assert deliver(build_mapping(), RECORDS[:1], recorder, minute=minute) == RECORDS[:1]
    assert recorder.batches == [["0"]] * calls


def test_age_counts_for_each_record() -> None:
    recorder = Recorder(name_failure("0"))
    records = build_records(0, 4)
    assert deliver(build_mapping(), records, recorder, minute=6) == records[:1]
    assert recorder.batches == [["0", "1"], ["1"]]


def test_divided_batch_leaves_out_what_is_too_old() -> None:
    recorder = Recorder(ERROR)
    records = build_records(0, 4, 4)
    assert deliver(build_mapping(batch_size=3, bisects=True), records, recorder, minute=6) == records[:1]
    assert recorder.batches == [["0", "1", "2"], ["1"], ["2"]]


def test_mapping_without_a_greatest_age_repeats_any_record() -> None:
    recorder = Recorder(ERROR)
    assert deliver(build_mapping(max_age=None), RECORDS[:1], recorder, minute=10**6) == []
    assert len(recorder.batches) == 2
