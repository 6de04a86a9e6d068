from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local.aws.core.faults import Faults
from local.aws.core.local_cloud import LocalCloud
from local.aws.ec2.tracked_instance import FAILED_STARTS
from local.clock import ManualClock
from local.machines.host.access_keys import build_machine_key
from tests.local.aws.conftest import (
    TABLE,
    Launch,
    build_launch_request,
    create_table,
    describe_instance,
    get_error,
    get_state,
)

THING = {"TableName": "things", "Item": {"id": {"S": "a"}}}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InsufficientInstanceCapacity", 500),
        ("RequestLimitExceeded", 503),
        ("VcpuLimitExceeded", 400),
        ("MaxSpotInstanceCountExceeded", 400),
        ("PendingVerification", 400),
        ("OptInRequired", 401),
        ("UnauthorizedOperation", 403),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", 403),
        ("InternalError", 500),
    ],
)
def test_injected_error_has_status_of_aws_and_no_effect(
    cloud: LocalCloud, ec2: Any, ssm: Any, code: str, status: int
) -> None:
    cloud.faults.inject("RunInstances", code)
    assert get_error(ec2.run_instances, **build_launch_request(ssm)) == (code, status)
    assert ec2.describe_instances()["Reservations"] == []


def test_injected_error_happens_the_requested_number_of_times(cloud: LocalCloud, ec2: Any, launch: Launch) -> None:
    cloud.faults.inject("DescribeInstances", "RequestLimitExceeded", "slow down", times=2)
    for _ in range(2):
        with pytest.raises(ec2.exceptions.ClientError, match="slow down"):
            ec2.describe_instances()
    assert ec2.describe_instances()["Reservations"] == []


def test_injected_error_can_have_other_status(cloud: LocalCloud, ssm: Any) -> None:
    cloud.faults.inject("GetParameter", "ThrottlingException", status=429)
    assert get_error(ssm.get_parameter, Name="x") == ("ThrottlingException", 429)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "ServiceUnavailable"])
def test_common_error_codes_can_be_injected_into_any_service(
    cloud: LocalCloud, ssm: Any, dynamodb: Any, code: str
) -> None:
    cloud.faults.inject("GetParameter", code)
    cloud.faults.inject("ListTables", code)
    assert get_error(ssm.get_parameter, Name="x")[0] == code
    assert get_error(dynamodb.list_tables)[0] == code


def test_injected_errors_are_exception_classes_of_sdk(cloud: LocalCloud, ssm: Any, dynamodb: Any) -> None:
    cloud.faults.inject("SendCommand", "InvalidInstanceId")
    with pytest.raises(ssm.exceptions.InvalidInstanceId):
        ssm.send_command(InstanceIds=["i-1"], DocumentName="AWS-RunShellScript")
    create_table(dynamodb)
    cloud.faults.inject("PutItem", "ProvisionedThroughputExceededException")
    with pytest.raises(dynamodb.exceptions.ProvisionedThroughputExceededException):
        dynamodb.put_item(**THING)
    assert dynamodb.scan(TableName="things")["Count"] == 0


def test_dropped_response_keeps_effect_of_call(cloud: LocalCloud, ec2: Any, ssm: Any, launch: Launch) -> None:
    cloud.faults.drop_response("RunInstances")
    with pytest.raises(ConnectionClosedError):
        ec2.run_instances(**build_launch_request(ssm), ClientToken="t")
    (reservation,) = ec2.describe_instances()["Reservations"]
    assert launch(ClientToken="t") == reservation["Instances"][0]["InstanceId"]


def test_sdk_retry_of_conditional_write_with_dropped_response_fails(cloud: LocalCloud, dynamodb: Any) -> None:
    create_table(dynamodb)
    cloud.faults.drop_response("PutItem")
    default_client: Any = boto3.client("dynamodb", "us-east-1")
    arguments = {**THING, "ConditionExpression": "attribute_not_exists(id)"}
    refused = get_error(default_client.put_item, **arguments)
    assert refused == ("ConditionalCheckFailedException", 400)
    assert dynamodb.scan(TableName="things")["Count"] == 1


def test_injected_conflict_rejects_transaction(cloud: LocalCloud, dynamodb: Any) -> None:
    create_table(dynamodb)
    cloud.faults.inject_conflict()
    items = [{"Put": {"TableName": "things", "Item": {"id": {"S": name}}}} for name in "ab"]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as refused:
        dynamodb.transact_write_items(TransactItems=items)
    reasons = refused.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["TransactionConflict", "None"]
    assert dynamodb.scan(TableName="things")["Count"] == 0
    cloud.faults.inject_conflict("PutItem")
    with pytest.raises(dynamodb.exceptions.TransactionConflictException):
        dynamodb.put_item(**THING)


@pytest.mark.parametrize("code", FAILED_STARTS)
def test_accepted_launch_ends_with_state_reason(
    cloud: LocalCloud, ec2: Any, launch: Launch, clock: ManualClock, code: str
) -> None:
    cloud.faults.end_launch(code)
    instance_id = launch()
    assert get_state(ec2, instance_id) == "pending"
    clock.advance(timedelta(minutes=1))
    ended = describe_instance(ec2, instance_id)
    assert (ended["State"]["Name"], ended["StateReason"]["Code"]) == ("terminated", code)
    assert ended["StateReason"]["Message"] == ended["StateTransitionReason"]


def test_accepted_start_ends_with_state_reason(cloud: LocalCloud, ec2: Any, launch: Launch, clock: ManualClock) -> None:
    instance_id = launch()
    for call in (ec2.stop_instances, ec2.start_instances):
        clock.advance(timedelta(minutes=3))
        cloud.faults.end_launch("Server.InsufficientInstanceCapacity", "StartInstances")
        call(InstanceIds=[instance_id])
    clock.advance(timedelta(minutes=1))
    ended = describe_instance(ec2, instance_id)
    assert (ended["State"]["Name"], ended["StateReason"]["Code"]) == (
        "stopped",
        "Server.InsufficientInstanceCapacity",
    )


@pytest.mark.parametrize(
    "order",
    [
        lambda faults: faults.inject("Foo", "Bar"),
        lambda faults: faults.drop_response("Foo"),
        lambda faults: faults.acknowledge_only("Foo"),
        lambda faults: faults.inject_conflict("Foo"),
        lambda faults: faults.end_launch("Client.InternalError", "Foo"),
    ],
)
def test_fault_of_an_unknown_operation_is_refused(cloud: LocalCloud, order: Callable[[Faults], None]) -> None:
    with pytest.raises(ValueError, match="no fault into Foo"):
        order(cloud.faults)


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_cancelled_transaction_names_reason_of_its_first_item(cloud: LocalCloud, dynamodb: Any, reason: str) -> None:
    create_table(dynamodb)
    cloud.faults.cancel(reason=reason)
    items = [{"Put": {"TableName": "things", "Item": {"id": {"S": name}}}} for name in "ab"]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as refused:
        dynamodb.transact_write_items(TransactItems=items)
    assert [reason["Code"] for reason in refused.value.response["CancellationReasons"]] == [reason, "None"]
    assert dynamodb.scan(TableName="things")["Count"] == 0


def test_hanging_call_has_no_effect_and_ends_with_timeout(cloud: LocalCloud, dynamodb: Any) -> None:
    create_table(dynamodb)
    cloud.faults.inject_hang("PutItem")
    with pytest.raises(ReadTimeoutError):
        dynamodb.put_item(**THING)
    assert dynamodb.scan(TableName="things")["Count"] == 0


def test_clear_removes_injected_faults(cloud: LocalCloud, ec2: Any) -> None:
    cloud.faults.inject("DescribeInstances", "InternalError", times=100)
    cloud.faults.acknowledge_only("StopInstances", times=100)
    cloud.faults.clear()
    assert ec2.describe_instances()["Reservations"] == []
    assert not cloud.faults.take_acknowledge_only("StopInstances")


def test_calls_are_counted_by_operation_including_rejected_ones(cloud: LocalCloud, ec2: Any, dynamodb: Any) -> None:
    ec2.describe_instances()
    before = cloud.calls.copy()
    cloud.faults.inject("DescribeInstances", "InternalError")
    get_error(ec2.describe_instances)
    create_table(dynamodb)
    assert cloud.count_calls_since(before) == {"ec2:DescribeInstances": 1, "dynamodb:CreateTable": 1}


def test_calls_with_instance_role_are_counted_separately(cloud: LocalCloud, dynamodb: Any) -> None:
    role: Any = boto3.client(
        "dynamodb", "us-east-1", aws_access_key_id=build_machine_key("i-unknown"), aws_secret_access_key="x"
    )
    assert get_error(role.create_table, **TABLE) == ("UnrecognizedClientException", 400)
    dynamodb.list_tables()
    assert cloud.calls == {"dynamodb:ListTables": 1}
    assert cloud.machine_calls == {"dynamodb:CreateTable": 1}
