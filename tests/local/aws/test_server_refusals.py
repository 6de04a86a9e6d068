"""Requests that the local cloud refuses over HTTP. They change nothing, so all tests share one server."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.local.aws.conftest import build_launcher, get_error
from tests.local.aws.fakes import RecordingMachines
from tests.local.aws.server_calls import Client, build_client, call_admin_api


@pytest.fixture(scope="module")
def server() -> Iterator[CloudServer]:
    cloud = LocalCloud(ManualClock(), RecordingMachines())
    with CloudServer(cloud) as server:
        yield server
        assert cloud.faults.count_pending() == {}
        assert cloud.added_types.list_added() == ()


@pytest.fixture(scope="module")
def client(server: CloudServer) -> Client:
    return build_client(server)


@pytest.fixture(scope="module")
def instance_id(client: Client) -> str:
    return build_launcher(client("ec2"), client("ssm"))()


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
    server: CloudServer, instance_id: str, path: str, body: dict[str, Any], error: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        call_admin_api(server, path.replace("ID", instance_id), **body)
    with refused.value:
        assert refused.value.code == (404 if "i-nope" in path else 400)
        text = json.load(refused.value)["error"].replace(instance_id, "ID")
    assert error in text


def test_admin_request_that_is_not_json_is_explained_without_a_python_error(server: CloudServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.url}/_local/clock", b"{broken")
    with refused.value:
        assert json.load(refused.value)["error"].startswith("The body is not valid JSON (")


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
