"""Local cloud over HTTP: threads, sockets and the admin API."""

import functools
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from chalicelib.aws.price_list import read_prices
from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import create_session
from local.clock import ManualClock, PacedClock
from tests.local.aws.conftest import (
    ONCE,
    TIME_UNTIL_READY,
    build_launch_request,
    build_launcher,
    create_table,
    get_error,
    get_state,
    run_shell,
)
from tests.local.aws.fakes import RecordingMachines
from tests.local.aws.server_calls import Client, build_client, call_admin_api
from tests.local.aws.sessions import ROLE, ROLE_NAME, TRUST_POLICY

THREADS = 16


@pytest.fixture
def cloud(clock: ManualClock, machines: RecordingMachines) -> LocalCloud:
    return LocalCloud(clock, machines)


@pytest.fixture
def server(cloud: LocalCloud) -> Iterator[CloudServer]:
    with CloudServer(cloud) as server:
        yield server


@pytest.fixture
def client(server: CloudServer) -> Client:
    return build_client(server)


def test_instance_is_launched_and_terminated_over_http(
    cloud: LocalCloud, server: CloudServer, client: Client, clock: ManualClock, machines: RecordingMachines
) -> None:
    ec2, ssm = client("ec2"), client("ssm")
    launch = build_launcher(ec2, ssm)
    instance_id = launch(ClientToken="t")
    assert launch(ClientToken="t") == instance_id
    assert get_error(run_shell, ssm=ssm, instance_id=instance_id) == ("InvalidInstanceId", 400)
    clock.advance(TIME_UNTIL_READY)
    assert get_state(ec2, instance_id) == "running"
    command_id = run_shell(ssm, instance_id)
    done = ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
    assert done["Status"] == "Success"
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(timedelta(minutes=1))
    assert get_state(ec2, instance_id) == "stopped"
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert machines.specs[instance_id].environment == {"AWS_ENDPOINT_URL": server.url}
    assert machines.calls == ["create", "boot", "halt"]
    clock.advance(timedelta(minutes=1))
    assert get_state(ec2, instance_id) == "terminated"


def test_errors_and_dropped_responses_over_http(cloud: LocalCloud, client: Client) -> None:
    ec2, ssm = client("ec2"), client("ssm")
    arguments = build_launch_request(ssm)
    cloud.faults.inject("RunInstances", "InsufficientInstanceCapacity")
    assert get_error(ec2.run_instances, **arguments) == ("InsufficientInstanceCapacity", 500)
    cloud.faults.drop_response("RunInstances")
    with pytest.raises(ConnectionClosedError):
        ec2.run_instances(**arguments)
    assert len(ec2.describe_instances()["Reservations"]) == 1


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads interrupt each other as often as possible, so that missing locks show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_no_acknowledged_write_is_lost_during_failing_transactions(client: Client) -> None:
    dynamodb = client("dynamodb", Config(max_pool_connections=THREADS))
    create_table(dynamodb)
    dynamodb.put_item(TableName="things", Item={"id": {"S": "taken"}})
    cancelled = dynamodb.exceptions.TransactionCanceledException

    def write(number: int) -> None:
        dynamodb.put_item(TableName="things", Item={"id": {"S": f"plain-{number}"}})
        doomed = {"TableName": "things", "ConditionExpression": "attribute_not_exists(id)"}
        items = [
            {"Put": {"TableName": "things", "Item": {"id": {"S": f"never-{number}"}}}},
            {"Put": {**doomed, "Item": {"id": {"S": "taken"}}}},
        ]
        with pytest.raises(cancelled):
            dynamodb.transact_write_items(TransactItems=items)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(write, range(200)))
    found = {item["id"]["S"] for item in dynamodb.scan(TableName="things")["Items"]}
    assert found == {"taken", *(f"plain-{number}" for number in range(200))}


@pytest.mark.usefixtures("hasty_threads")
def test_no_versioned_increment_is_lost(client: Client) -> None:
    dynamodb = client("dynamodb", Config(max_pool_connections=THREADS))
    create_table(dynamodb)
    refused = dynamodb.exceptions.ConditionalCheckFailedException
    key = {"TableName": "things", "Key": {"id": {"S": "counter"}}}

    def increment(_: int) -> bool:
        observation = dynamodb.get_item(**key, ConsistentRead=True).get("Item", {}).get("n", {"N": "0"})
        try:
            dynamodb.update_item(
                **key,
                UpdateExpression="SET n = :new",
                ConditionExpression="attribute_not_exists(n) OR n = :seen",
                ExpressionAttributeValues={":seen": observation, ":new": {"N": str(int(observation["N"]) + 1)}},
            )
        except refused:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        acknowledged = sum(threads.map(increment, range(100)))
    assert dynamodb.get_item(**key)["Item"]["n"] == {"N": str(acknowledged)}


def test_used_port_is_rejected(server: CloudServer, cloud: LocalCloud) -> None:
    other = CloudServer(LocalCloud(cloud.clock, cloud.machines), server.port)
    with pytest.raises(OSError, match=f"Port {server.port} of 127.0.0.1 cannot be used"):
        other.start()


def test_server_starts_empty_and_frees_its_port(cloud: LocalCloud, machines: RecordingMachines) -> None:
    with CloudServer(cloud) as first:
        port = first.port
        session: Any = create_session()
        create_table(session.client("dynamodb", endpoint_url=first.url))
    with CloudServer(LocalCloud(cloud.clock, machines), port) as second:
        assert session.client("dynamodb", endpoint_url=second.url).list_tables()["TableNames"] == []


def test_clock_is_set_over_http(cloud: LocalCloud, server: CloudServer, client: Client) -> None:
    ec2 = client("ec2")
    instance_id = build_launcher(ec2, client("ssm"))()
    before = call_admin_api(server, "clock")
    assert before == {"now": "2026-01-05T09:00:00+00:00", "speed": 0}
    assert call_admin_api(server, "clock", advance_seconds=8)["now"] == "2026-01-05T09:00:08+00:00"
    assert cloud.log.read_since(0)[-1]["detail"] == {"instance-id": instance_id, "state": "running"}


def test_speed_is_set_over_http(machines: RecordingMachines) -> None:
    clock = PacedClock(60)
    with CloudServer(LocalCloud(clock, machines)) as server:
        assert call_admin_api(server, "clock", speed=200)["speed"] == 200
    assert clock.speed == 200


def test_faults_capacity_agents_and_activity_are_set_over_http(
    cloud: LocalCloud, server: CloudServer, client: Client, machines: RecordingMachines, clock: ManualClock
) -> None:
    ec2, ssm = client("ec2"), client("ssm")
    arguments = build_launch_request(ssm)
    call_admin_api(server, "faults", operation="RunInstances", error_code="VcpuLimitExceeded")
    assert get_error(ec2.run_instances, **arguments)[0] == "VcpuLimitExceeded"
    call_admin_api(server, "faults", operation="DescribeInstances", kind="drop_response")
    call_admin_api(server, "faults", operation="SendCommand", kind="snap_refresh", times=2)
    assert call_admin_api(server, "faults") == {"faults": {"DescribeInstances": 1, "SendCommand": 2}}
    with pytest.raises(ConnectionClosedError):
        ec2.describe_instances()
    call_admin_api(server, "capacity", instance_type="g4dn.xlarge", zone="us-east-1a", instances=0)
    assert get_error(ec2.run_instances, **arguments)[0] == "InsufficientInstanceCapacity"
    call_admin_api(server, "capacity", instance_type="g4dn.xlarge", zone="us-east-1a")
    spot = {"instance_type": "g4dn.xlarge", "zone": "us-east-1a", "usd_per_hour": "0.31"}
    assert call_admin_api(server, "spot_prices", **spot) == {"usd_per_hour": "0.31"}
    history = ec2.describe_spot_price_history(InstanceTypes=["g4dn.xlarge"])["SpotPriceHistory"]
    assert "0.310000" in {change["SpotPrice"] for change in history}
    quota = {"region": "us-east-1", "code": "L-DB2E81BA"}
    call_admin_api(server, "quotas", **quota, vcpus=3)
    assert get_error(ec2.run_instances, **arguments) == ("VcpuLimitExceeded", 400)
    requested = {"ServiceCode": "ec2", "QuotaCode": quota["code"], "DesiredValue": 4}
    request_id = client("service-quotas").request_service_quota_increase(**requested)["RequestedQuota"]["Id"]
    assert call_admin_api(server, f"quota_requests/{request_id}", status="APPROVED") == {"status": "APPROVED"}
    listed = call_admin_api(server, "quotas")
    assert listed["limits"] == [{**quota, "vcpus": 4}]
    assert [(each["Id"], each["Region"]) for each in listed["requests"]] == [(request_id, "us-east-1")]
    instance_id = ec2.run_instances(**arguments)["Instances"][0]["InstanceId"]
    call_admin_api(server, f"agents/{instance_id}", silent=True)
    clock.advance(TIME_UNTIL_READY)
    assert ssm.describe_instance_information()["InstanceInformationList"] == []
    call_admin_api(server, f"instances/{instance_id}/activity", gpu_utilization=[97])
    assert machines.get_gpu_utilization(instance_id) == (97,)
    assert call_admin_api(server, "calls")["desk"]["ec2:RunInstances"] == 4


def test_faults_are_not_cleared_by_a_request_with_a_body(cloud: LocalCloud, server: CloudServer) -> None:
    cloud.faults.inject("RunInstances", "VcpuLimitExceeded")
    clear = functools.partial(urllib.request.Request, f"{server.url}/_local/faults", method="DELETE")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(clear(data=b'{"operation": "GetItem"}'))
    with refused.value:
        assert json.load(refused.value)["error"] == "operation is an unknown field; this request has no fields."
    assert cloud.faults.count_pending() == {"RunInstances": 1}
    urllib.request.urlopen(clear()).close()
    assert cloud.faults.count_pending() == {}


def test_prices_of_the_catalog_are_answered(cloud: LocalCloud, client: Client) -> None:
    pricing = client("pricing")
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in (("instanceType", "g4dn.xlarge"), ("regionCode", "us-east-1"), ("operatingSystem", "Linux"))
    ]
    (product,) = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    (term,) = json.loads(product)["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert dimension["pricePerUnit"] == {"USD": "0.526"}
    unknown = [{"Type": "TERM_MATCH", "Field": "color", "Value": "red"}]
    wrong = get_error(pricing.get_products, ServiceCode="AmazonEC2", Filters=unknown)
    assert wrong == ("InvalidParameterException", 400)


def test_type_that_is_added_has_zones_and_a_price_until_the_cloud_ends(
    cloud: LocalCloud, server: CloudServer, client: Client
) -> None:
    added = {"name": "g9.xlarge", "like": "g5.xlarge", "gpu": "L9", "usd_per_hour": "0.9"}
    assert call_admin_api(server, "instance_types", **added) == {"name": "g9.xlarge"}
    assert call_admin_api(server, "instance_types") == {"instance_types": [added]}
    ec2 = client("ec2")
    (described,) = ec2.describe_instance_types(InstanceTypes=["g9.xlarge"])["InstanceTypes"]
    assert described["GpuInfo"]["Gpus"][0]["Name"] == "L9"
    offered = {
        name: ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [name]}]
        )["InstanceTypeOfferings"]
        for name in ("g9.xlarge", "g5.xlarge")
    }
    assert len(offered["g9.xlarge"]) == len(offered["g5.xlarge"]) > 0
    assert read_prices(client("pricing"), "g9.xlarge")["us-east-1"] == Decimal("0.9")
    cloud.uninstall()
    cloud.install()
    unknown = get_error(ec2.describe_instance_types, InstanceTypes=["g9.xlarge"])
    assert unknown[0] == "InvalidInstanceType"


def test_quotas_of_ec2_are_answered(cloud: LocalCloud, client: Client) -> None:
    quotas = client("service-quotas")
    listed = quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]
    assert "L-DB2E81BA" in {quota["QuotaCode"] for quota in listed}
    found = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]
    assert found["QuotaName"] == "Running On-Demand G and VT instances"
    unknown = get_error(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0")
    assert unknown == ("NoSuchResourceException", 400)


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_addresses", "UnauthorizedOperation"),
        ("iam", "list_roles", "AccessDenied"),
        ("ssm", "describe_maintenance_windows", "AccessDeniedException"),
    ],
)
def test_call_of_a_role_whose_access_checks_are_unknown_is_refused(
    cloud: LocalCloud, server: CloudServer, client: Client, service: str, call: str, code: str
) -> None:
    client("iam").create_role(RoleName=ROLE_NAME, AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))
    role = client("sts").assume_role(RoleArn=ROLE.text, RoleSessionName="ada")["Credentials"]
    key = {"aws_access_key_id": role["AccessKeyId"], "aws_secret_access_key": role["SecretAccessKey"]}
    session: Any = create_session()
    caller = session.client(
        service, endpoint_url=server.url, config=ONCE, aws_session_token=role["SessionToken"], **key
    )
    assert get_error(getattr(caller, call)) == (code, 403)
    assert "are unknown. Add them to" in cloud.enforcement.denials[0]
