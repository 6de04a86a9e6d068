"""Local cloud over HTTP: threads, sockets and the admin API."""

import functools
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
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
from tests.local.aws.sessions import ROLE, ROLE_NAME, TRUST_POLICY

Client = Callable[..., Any]
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
    def make(service: str, config: Config = ONCE) -> Any:
        session: Any = create_session()
        return session.client(service, endpoint_url=server.url, config=config)

    return make


def call_admin_api(server: CloudServer, path: str, **body: Any) -> Any:
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(f"{server.url}/_local/{path}", data) as answer:
        return json.load(answer)


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


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing", {}, 404),
        ("instances/i-0123456789abcdef0/activity", {"gpu_utilization": [1]}, 404),
        ("faults", {"operation": "RunInstances"}, 400),
        ("faults", {"operation": "RunInstances", "kind": "clear"}, 400),
        ("clock", {"speed": 60}, 400),
        ("clock", {"advance_seconds": -1}, 400),
        ("capacity", {"colour": "blue"}, 400),
    ],
)
def test_invalid_admin_request_is_rejected(server: CloudServer, path: str, body: dict[str, Any], status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        call_admin_api(server, path, **body)
    with refused.value:
        assert refused.value.code == status
        assert json.load(refused.value)["error"]


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("clock", {"speed": 1000}, "speed must be a number of cloud seconds per second, more than 0 and at most 240"),
        ("clock", {"speed": "fast"}, "speed must be a number"),
        ("faults", {"operation": "Foo", "error_code": "Bar"}, "operation must be an operation of ec2, ssm"),
        ("faults", {"operation": "RunInstances", "kind": "clear"}, "kind must be drop_response, hang, "),
        ("faults", {"operation": "RunInstances", "kind": "conflict"}, "must have one of TransactWriteItems, PutItem"),
        ("faults", {"operation": "RunInstances", "kind": "acknowledge_only"}, "must have one of StopInstances, Start"),
        (
            "faults",
            {"operation": "RunInstances", "kind": "cancel"},
            "kind is cancel; must have one of TransactWriteItems as",
        ),
        (
            "faults",
            {"operation": "GetItem", "kind": "hang", "reason": "ThrottlingError"},
            "must have reason (Thr",
        ),
        ("faults", {"operation": "GetItem", "kind": "hang", "status": 500}, "must have status only with error_code"),
        ("faults", {"operation": "GetItem", "error_code": "<a>&"}, "error_code must be an error code of AWS (letters"),
        ("faults", {"operation": "GetItem", "error_code": "A", "foo": 1}, "times, kind, state_reason, reason."),
        ("faults", {"operation": "GetItem", "error_code": "A", "foo": 1}, "foo is an unknown field; known: "),
        (
            "faults",
            {"operation": "OpenDataChannel", "kind": "close_channels", "times": 2},
            "must have no times if kind is close_channels, which closes all channels at once",
        ),
        (
            "capacity",
            {"instance_type": "g4dn.xlarge", "zone": "us-east-1q"},
            "zone must be an availability zone of EC",
        ),
        (
            "faults",
            {"operation": "TransactWriteItems", "kind": "cancel", "reason": "None"},
            "reason must be Throttling",
        ),
        ("faults", {"operation": "RunInstances"}, "must have exactly one of error_code and kind."),
        ("faults", {"operation": "RunInstances", "kind": "end_launch"}, "must have state_reason if, and only if,"),
        (
            "faults",
            {"operation": "RunInstances", "kind": "end_launch", "state_reason": "Server.Bored"},
            "state_reason must be one of Client.InternalError",
        ),
        ("faults", {"operation": "StartSession", "kind": "close_channels"}, "must have one of OpenDataChannel as"),
        ("faults", {"operation": "RunInstances", "error_code": "Bar", "times": 0}, "times must be a whole number"),
        ("capacity", {"instance_type": "g4dn.xlarge", "zone": "us-east-1"}, "zone must be an availability zone"),
        (
            "spot_prices",
            {"instance_type": "g4dn.xlarge", "zone": "us-east-1a", "usd_per_hour": 1},
            "usd_per_hour must be",
        ),
        ("spot_prices", {"instance_type": "g4dn.xlarge", "zone": "us-east-1a"}, "usd_per_hour is required"),
        (
            "instance_types",
            {"name": "g5.xlarge", "like": "g5.2xlarge", "usd_per_hour": "1"},
            "EC2 has g5.xlarge already",
        ),
        ("capacity", {"instance_type": "x.y", "zone": "us-east-1a"}, "instance_type must be an instance type of the"),
        ("capacity", {"instance_type": "g4dn.xlarge", "zone": "us-east-1a", "instances": -1}, "instances must be a"),
        ("instances/ID/activity", {"gpu_utilization": [200]}, "a list of percentages from 0 to 100"),
        ("instances/ID/activity", {"gpu_utilization": [0, 3]}, "must have one number per GPU of ID: 1, not 2."),
        ("instances/ID/events", {"code": "instance-stop", "not_before": "2030"}, "not_before must be an ISO 8601 time"),
        (
            "instances/ID/events",
            {"code": "instance-stop", "not_before": "0001-01-01T00:00:00+14:00"},
            "not_before must be an ISO 8601 time",
        ),
        ("instances/ID/events", {"code": "fire", "not_before": "2030-01-05T09:00:00Z"}, "code must be one of instance"),
        ("agents/ID", {"silent": "yes"}, "silent must be true or false"),
        ("agents/i-nope", {"silent": True}, "i-nope does not exist."),
        ("quotas", {"region": "nowhere", "code": "L-DB2E81BA", "vcpus": 1}, "region must be a region of EC2"),
        ("quota_requests/i-nope", {"status": "DENIED"}, "i-nope does not exist."),
        ("instances/i-nope/activity", {"gpu_utilization": [1]}, "i-nope does not exist."),
    ],
)
def test_invalid_value_of_an_admin_request_is_explained(
    server: CloudServer, client: Client, path: str, body: dict[str, Any], error: str
) -> None:
    instance_id = build_launcher(client("ec2"), client("ssm"))()
    with pytest.raises(urllib.error.HTTPError) as refused:
        call_admin_api(server, path.replace("ID", instance_id), **body)
    with refused.value:
        assert refused.value.code == (404 if "i-nope" in path else 400)
        text = json.load(refused.value)["error"].replace(instance_id, "ID")
    assert error in text


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


def test_admin_request_that_is_not_json_is_explained_without_a_python_error(server: CloudServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.url}/_local/clock", b"{broken")
    with refused.value:
        assert json.load(refused.value)["error"].startswith("The body is not valid JSON (")


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
        ("ec2", "describe_fast_snapshot_restores", "InvalidAction"),
        ("sns", "list_sms_sandbox_phone_numbers", "InvalidAction"),
        ("ssm", "describe_patch_groups", "UnknownOperationException"),
        ("pricing", "list_price_lists", "UnknownOperationException"),
        ("lightsail", "get_instances", "UnknownOperationException"),
        ("s3", "list_buckets", "InvalidAction"),
        ("lambda", "list_functions", "UnknownOperationException"),
        ("cloudwatch", "list_metrics", "UnknownOperationException"),
        ("sqs", "list_queues", "UnknownOperationException"),
        ("autoscaling", "describe_auto_scaling_groups", "InvalidAction"),
    ],
)
def test_unknown_call_is_answered_in_the_form_of_aws(client: Client, service: str, call: str, code: str) -> None:
    arguments = {
        "list_price_lists": {"ServiceCode": "AmazonEC2", "EffectiveDate": 0, "CurrencyCode": "USD"},
    }
    assert get_error(getattr(client(service), call), **arguments.get(call, {})) == (code, 400)


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


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type"),
    [
        ("POST", "/instances", b'{"gpu": "T4"}', "application/json"),
        ("POST", "/instances/my-first/sessions", b"{}", "application/x-www-form-urlencoded"),
        ("PUT", "/bucket", b"", ""),
        ("GET", "/", b"", ""),
        ("GET", "/moto-api/data.json", b"", ""),
    ],
)
def test_request_that_is_not_signed_is_refused(
    server: CloudServer, method: str, path: str, body: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    request = urllib.request.Request(f"{server.url}{path}", body or None, headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403
    text = refused.value.read().decode()
    assert "MissingAuthenticationToken" in text
    assert "gpudesk has another port" in text
