"""EventBridge and Lambda act with the roles of the template: without a permission, nothing is delivered."""

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

import boto3
import pytest
from moto.events.models import EventPattern

from local.aws.core.events import EventOrigin
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.clock import ManualClock
from local.deployed.errors import FunctionFailed
from local.deployed.function import Function, FunctionSpec
from local.deployed.rules import Rule, Target
from local.deployed.stream import StreamMapping
from local.deployed.stream_permission import RETRY_AFTER
from local.deployed.triggers import Triggers
from tests.local.aws.conftest import create_table

HOME, OTHER = "us-east-1", "us-west-2"
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:on_change"
BUS = f"arn:aws:events:{HOME}:{ACCOUNT}:event-bus/default"
QUEUE = f"arn:aws:sqs:{HOME}:{ACCOUNT}:failures"
FORWARD_ROLE, FUNCTION_ROLE = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("forward", "control"))
STREAM_ACTIONS = ("ListStreams", "DescribeStream", "GetShardIterator", "GetRecords")
EC2 = EventPattern.load('{"source": ["aws.ec2"]}')
RULES = (
    Rule(f"arn:aws:events:{HOME}:{ACCOUNT}:rule/change", HOME, EC2, None, (Target(FUNCTION),)),
    Rule(f"arn:aws:events:{OTHER}:{ACCOUNT}:rule/forward", OTHER, EC2, None, (Target(BUS, FORWARD_ROLE),)),
)


class RecordingFunction:
    """Function that records its events, and fails on stream records if told so."""

    def __init__(self) -> None:
        self.spec = FunctionSpec(
            name="on_change", arn=FUNCTION, role=FUNCTION_ROLE, handler="", timeout_seconds=1, memory_mib=1
        )
        self.names: list[str] = []
        self.fails = False
        self._changed = threading.Condition()

    def invoke(self, event: Mapping[str, Any]) -> None:
        records = event.get("Records")
        names = [record["dynamodb"]["Keys"]["id"]["S"] for record in records] if records else [event["detail"]["name"]]
        with self._changed:
            self.names += names
            self._changed.notify_all()
        if records and self.fails:
            raise FunctionFailed("on_change", "KeyError", "")

    def wait_for(self, name: str) -> list[str]:
        """Return all names as soon as one of them has arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.names, 10), self.names
            return list(self.names)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cloud(clock: ManualClock) -> Iterator[LocalCloud]:
    with in_process_cloud(clock) as cloud:
        yield cloud


def create_role(arn: str, service: str, *actions: str) -> None:
    iam, name = boto3.client("iam"), arn.rpartition("/")[2]
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=build_policy(trust))
    allow(arn, *actions)


def allow(arn: str, *actions: str) -> None:
    """Let a role do this and nothing else."""
    statement = {"Effect": "Allow", "Action": ["sts:GetCallerIdentity", *actions], "Resource": "*"}
    name = arn.rpartition("/")[2]
    boto3.client("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=build_policy(statement))


def build_policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def function() -> RecordingFunction:
    return RecordingFunction()


@pytest.fixture
def mapping(cloud: LocalCloud) -> StreamMapping:
    dynamodb = boto3.client("dynamodb", HOME)
    create_table(dynamodb)
    return StreamMapping(
        stream=dynamodb.describe_table(TableName="things")["Table"]["LatestStreamArn"],
        function_arn=FUNCTION,
        batch_size=10,
        patterns=(),
        max_retries=0,
        max_age=None,
        bisects=False,
        has_partial_failures=False,
        failure_queue=QUEUE,
    )


@pytest.fixture
def triggers(cloud: LocalCloud, function: RecordingFunction, mapping: StreamMapping) -> Iterator[Triggers]:
    """Start the triggers: a test creates the roles afterwards, before anything happens."""
    triggers = Triggers(cloud, {FUNCTION: cast("Function", function)}, HOME)
    triggers.start(RULES, mapping)
    yield triggers
    triggers.stop()


def emit(cloud: LocalCloud, region: str, name: str) -> None:
    cloud.log.emit(EventOrigin(cloud.clock.now(), ACCOUNT, region).build_event("aws.ec2", "change", [], {"name": name}))


def put_item(name: str) -> None:
    boto3.client("dynamodb", HOME).put_item(TableName="things", Item={"id": {"S": name}})


@pytest.mark.usefixtures("triggers")
def test_event_is_forwarded_with_the_role_of_the_target(cloud: LocalCloud, function: RecordingFunction) -> None:
    create_role(FORWARD_ROLE, "events.amazonaws.com", "events:PutEvents")
    emit(cloud, OTHER, "far")
    function.wait_for("far")
    assert cloud.enforcement.denials == []


@pytest.mark.parametrize(
    ("service", "action", "denied"),
    [
        ("events.amazonaws.com", "events:PutRule", f"events:PutEvents on resource: {BUS}"),
        ("lambda.amazonaws.com", "events:PutEvents", f"sts:AssumeRole on resource: {FORWARD_ROLE}"),
    ],
    ids=["policy", "trust"],
)
@pytest.mark.usefixtures("triggers")
def test_event_that_the_role_may_not_forward_is_dropped_and_counted(
    cloud: LocalCloud, function: RecordingFunction, service: str, action: str, denied: str
) -> None:
    create_role(FORWARD_ROLE, service, action)
    emit(cloud, OTHER, "far")
    emit(cloud, HOME, "near")
    assert function.wait_for("near") == ["near"]
    (denial,) = cloud.enforcement.denials
    assert denied in denial


@pytest.mark.usefixtures("triggers")
def test_stream_is_read_with_the_role_of_the_function(cloud: LocalCloud, function: RecordingFunction) -> None:
    create_role(FUNCTION_ROLE, "lambda.amazonaws.com", *(f"dynamodb:{action}" for action in STREAM_ACTIONS))
    put_item("first")
    function.wait_for("first")
    assert cloud.enforcement.denials == []


@pytest.mark.parametrize("missing", STREAM_ACTIONS)
@pytest.mark.usefixtures("triggers")
def test_records_wait_in_the_stream_until_the_role_may_read_it(
    cloud: LocalCloud, function: RecordingFunction, clock: ManualClock, missing: str
) -> None:
    create_role(
        FUNCTION_ROLE, "lambda.amazonaws.com", *(f"dynamodb:{each}" for each in STREAM_ACTIONS if each != missing)
    )
    put_item("first")
    # A delivery reads the stream before it passes on events, so it was refused if an event arrives.
    for name in ("near", "later"):
        emit(cloud, HOME, name)
        function.wait_for(name)
    assert function.names == ["near", "later"]
    (denial,) = cloud.enforcement.denials
    assert f"dynamodb:{missing}" in denial
    allow(FUNCTION_ROLE, *(f"dynamodb:{each}" for each in STREAM_ACTIONS))
    clock.advance(RETRY_AFTER - timedelta(seconds=1))
    emit(cloud, HOME, "early")
    assert "first" not in function.wait_for("early")
    clock.advance(timedelta(seconds=1))
    function.wait_for("first")


@pytest.mark.parametrize("is_allowed", [True, False])
def test_records_that_are_given_up_are_sent_with_the_role_of_the_function(
    cloud: LocalCloud, function: RecordingFunction, triggers: Triggers, is_allowed: bool
) -> None:
    queue = boto3.client("sqs", HOME)
    url = queue.create_queue(QueueName="failures")["QueueUrl"]
    actions = [f"dynamodb:{action}" for action in STREAM_ACTIONS]
    create_role(FUNCTION_ROLE, "lambda.amazonaws.com", *actions, *(["sqs:SendMessage"] if is_allowed else []))
    function.fails = True
    put_item("first")
    function.wait_for("first")
    triggers.stop()
    messages = queue.receive_message(QueueUrl=url).get("Messages", [])
    assert [json.loads(each["Body"]) for each in messages] == [{"table": "things", "records": 1}] * is_allowed
    assert [f"sqs:SendMessage on resource: {QUEUE}" in denial for denial in cloud.enforcement.denials] == [True] * (
        not is_allowed
    )
