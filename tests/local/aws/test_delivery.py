import json
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.aws.core.delivery import Delivery, EventHandlers, Handler
from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.local.aws.conftest import TIME_UNTIL_READY, Launch, create_table, run_shell
from tests.local.aws.fakes import TIMEOUT_SECONDS

MINUTE = timedelta(minutes=1)


class ReceivedEvents:
    """Events that the three handlers received."""

    def __init__(self) -> None:
        self.stream: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.schedule: list[dict[str, Any]] = []

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for event in self.stream for record in event["Records"]]


def build_handlers(on_stream: Handler, on_event: Handler, on_schedule: Handler) -> EventHandlers:
    return EventHandlers(on_stream=on_stream, on_event=on_event, on_schedule=on_schedule)


@pytest.fixture
def received() -> ReceivedEvents:
    return ReceivedEvents()


@pytest.fixture
def deliver(cloud: LocalCloud, received: ReceivedEvents) -> Callable[..., Delivery]:
    def make(**options: Any) -> Delivery:
        handlers = build_handlers(received.stream.append, received.events.append, received.schedule.append)
        return Delivery(cloud, handlers, ["things"], **options)

    return make


def put_item(dynamodb: Any, name: str, **values: Any) -> None:
    dynamodb.put_item(TableName="things", Item={"id": {"S": name}, **values})


def test_stream_records_have_form_of_lambda_event(
    dynamodb: Any, deliver: Callable[..., Delivery], received: ReceivedEvents, clock: ManualClock
) -> None:
    create_table(dynamodb)
    delivery = deliver()
    put_item(dynamodb, "a", n={"N": "1"})
    put_item(dynamodb, "a", n={"N": "2"})
    dynamodb.delete_item(TableName="things", Key={"id": {"S": "a"}})
    assert delivery.deliver_due() == 1
    assert [record["eventName"] for record in received.records] == ["INSERT", "MODIFY", "REMOVE"]
    changed = received.records[1]
    arn = dynamodb.describe_table(TableName="things")["Table"]["LatestStreamArn"]
    assert (changed["eventSourceARN"], changed["awsRegion"]) == (arn, "us-east-1")
    assert changed["dynamodb"]["ApproximateCreationDateTime"] == clock.now().timestamp()
    assert changed["dynamodb"]["Keys"] == {"id": {"S": "a"}}
    assert changed["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert changed["dynamodb"]["NewImage"]["n"] == {"N": "2"}
    assert json.loads(json.dumps(received.stream)) == received.stream
    assert delivery.deliver_due() == 0


def test_table_may_be_created_after_delivery(
    dynamodb: Any, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    delivery = deliver()
    assert delivery.deliver_due() == 0
    create_table(dynamodb)
    put_item(dynamodb, "a")
    delivery.deliver_due()
    assert len(received.records) == 1


def test_stream_filter_selects_records(
    dynamodb: Any, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    create_table(dynamodb)
    delivery = deliver(stream_filter=lambda old, new: "user_write" in (new or {}))
    put_item(dynamodb, "a")
    put_item(dynamodb, "b", user_write={"BOOL": True})
    assert delivery.deliver_due() == 1
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in received.records] == ["b"]


def test_batch_holds_at_most_100_records(
    dynamodb: Any, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    create_table(dynamodb)
    delivery = deliver()
    for number in range(101):
        put_item(dynamodb, str(number))
    assert delivery.deliver_due() == 2
    assert [len(event["Records"]) for event in received.stream] == [100, 1]


def test_failed_transaction_leaves_no_stream_records(
    dynamodb: Any, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    create_table(dynamodb)
    put_item(dynamodb, "a")
    delivery = deliver()
    writes = [{"Put": {"TableName": "things", "Item": {"id": {"S": name}}}} for name in "ba"]
    writes[1]["Put"]["ConditionExpression"] = "attribute_not_exists(id)"
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=writes)
    assert delivery.deliver_due() == 0
    dynamodb.transact_write_items(TransactItems=writes[:1])
    delivery.deliver_due()
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in received.records] == ["b"]


def test_stream_can_be_read_with_streams_api(dynamodb: Any) -> None:
    create_table(dynamodb)
    put_item(dynamodb, "a")
    streams: Any = boto3.client("dynamodbstreams", "us-east-1")
    arn = dynamodb.describe_table(TableName="things")["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    options = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    records = streams.get_records(ShardIterator=streams.get_shard_iterator(**options)["ShardIterator"])
    assert len(records["Records"]) == 1


def test_instance_and_command_changes_have_form_of_eventbridge(
    ssm: Any, launch: Launch, clock: ManualClock, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    delivery = deliver()
    instance_id = launch()
    clock.advance(TIME_UNTIL_READY)
    command_id = run_shell(ssm, instance_id)
    delivery.deliver_due()
    first = {key: value for key, value in received.events[0].items() if key != "id"}
    arn = f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"
    assert first == {
        "version": "0",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2026-01-05T09:00:00Z",
        "region": "us-east-1",
        "resources": [arn],
        "detail": {"instance-id": instance_id, "state": "pending"},
    }
    last_two = received.events[-2:]
    assert [event["detail-type"] for event in last_two] == [
        "EC2 Command Invocation Status-change Notification",
        "EC2 Command Status-change Notification",
    ]
    assert last_two[0]["detail"] == {
        "command-id": command_id,
        "document-name": "AWS-RunShellScript",
        "instance-id": instance_id,
        "requested-date-time": "2026-01-05T09:00:33.000Z",
        "status": "Success",
    }
    assert last_two[1]["detail"] == {
        "command-id": command_id,
        "document-name": "AWS-RunShellScript",
        "expire-after": "2026-01-05T10:00:33.000Z",
        "parameters": {"commands": ["true"]},
        "requested-date-time": "2026-01-05T09:00:33.000Z",
        "status": "Success",
    }


def test_schedule_fires_each_minute_and_skips_missed_ones(
    clock: ManualClock, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    delivery = deliver()
    clock.advance(timedelta(seconds=59))
    assert delivery.deliver_due() == 0
    clock.advance(timedelta(seconds=1))
    assert [delivery.deliver_due(), delivery.deliver_due()] == [1, 0]
    clock.advance(10 * MINUTE)
    assert delivery.deliver_due() == 1
    assert received.schedule[-1]["detail-type"] == "Scheduled Event"
    assert received.schedule[-1]["time"] == "2026-01-05T09:11:00Z"


def test_stream_records_can_be_dropped(
    dynamodb: Any, clock: ManualClock, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    create_table(dynamodb)
    delivery = deliver()
    delivery.faults.drop_streams = True
    put_item(dynamodb, "a")
    clock.advance(MINUTE)
    delivery.deliver_due()
    delivery.faults.drop_streams = False
    assert delivery.deliver_due() == 0
    assert (len(received.records), len(received.schedule)) == (0, 1)


def test_events_can_be_delivered_twice_and_shuffled(
    launch: Launch, clock: ManualClock, deliver: Callable[..., Delivery], received: ReceivedEvents
) -> None:
    delivery = deliver()
    delivery.faults.deliver_twice = True
    delivery.faults.shuffle = random.Random(3)
    launch()
    launch()
    clock.advance(TIME_UNTIL_READY)
    delivery.deliver_due()
    states = [event["detail"]["state"] for event in received.events]
    assert sorted(states) == ["pending"] * 4 + ["running"] * 4
    assert states != sorted(states)


def test_failing_handler_does_not_stop_other_handlers(
    cloud: LocalCloud, clock: ManualClock, launch: Launch, received: ReceivedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: dict[str, Any]) -> None:
        raise ValueError("the handler failed")

    delivery = Delivery(cloud, build_handlers(fail, fail, received.schedule.append), [])
    launch()
    clock.advance(MINUTE)
    assert delivery.deliver_due() == 3
    assert len(received.schedule) == 1
    assert "the handler failed" in caplog.text


def test_endless_events_raise_error(cloud: LocalCloud, dynamodb: Any) -> None:
    create_table(dynamodb)

    def write_again(event: dict[str, Any]) -> None:
        put_item(dynamodb, str(random.random()))

    delivery = Delivery(cloud, build_handlers(write_again, write_again, write_again), ["things"])
    put_item(dynamodb, "a")
    with pytest.raises(RuntimeError, match="without end"):
        delivery.deliver_all(max_events=10)


def test_deliver_all_includes_events_caused_by_handlers(
    cloud: LocalCloud, dynamodb: Any, received: ReceivedEvents
) -> None:
    create_table(dynamodb)

    def answer_once(event: dict[str, Any]) -> None:
        received.stream.append(event)
        if len(received.stream) == 1:
            put_item(dynamodb, "b")

    delivery = Delivery(
        cloud, build_handlers(answer_once, received.events.append, received.schedule.append), ["things"]
    )
    put_item(dynamodb, "a")
    assert delivery.deliver_all() == 2
    assert len(received.records) == 2


def test_background_delivery_calls_handlers(cloud: LocalCloud, dynamodb: Any, received: ReceivedEvents) -> None:
    create_table(dynamodb)
    arrived = threading.Event()
    delivery = Delivery(
        cloud, build_handlers(lambda _: arrived.set(), received.events.append, received.schedule.append), ["things"]
    )
    delivery.start(interval_seconds=0.001)
    try:
        put_item(dynamodb, "a")
        assert arrived.wait(TIMEOUT_SECONDS)
    finally:
        delivery.stop()
