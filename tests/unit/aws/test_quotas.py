"""Quotas and running instances, read from pages of AWS's answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.aws.clients import Clients, SdkSession, build_config
from chalicelib.aws.quotas import INSTANCE_PAGE_SIZE, PAGE_SIZE, Quotas
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import AwsForbidden, TransientAwsError
from chalicelib.domain.offers.quotas import RunningInstance
from local.aws.core.testing import create_session

LIST = "list_service_quotas"


class StubbedClients(Clients):
    """Clients with an EC2 and a Service Quotas client, whose answers a test has written."""

    def __init__(self, ec2: Any, quotas: Any) -> None:
        super().__init__(build_config(1, 1), SdkSession())
        self._ec2, self._quotas = ec2, quotas

    def ec2(self, region: str) -> Any:
        return self._ec2

    def service_quotas(self, region: str) -> Any:
        return self._quotas


@pytest.fixture(scope="module")
def clients() -> tuple[Any, Any]:
    session = create_session()
    return session.client("ec2", "us-east-1"), session.client("service-quotas", "us-east-1")


@pytest.fixture
def ec2(clients: tuple[Any, Any]) -> Iterator[Stubber]:
    with Stubber(clients[0]) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def service(clients: tuple[Any, Any]) -> Iterator[Stubber]:
    with Stubber(clients[1]) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def quotas(clients: tuple[Any, Any]) -> Quotas:
    return Quotas(StubbedClients(*clients), "dev")


def test_limits_of_known_quotas_are_read_from_all_pages(service: Stubber, quotas: Quotas) -> None:
    query = {"ServiceCode": "ec2", "MaxResults": PAGE_SIZE}
    other = {"QuotaCode": "L-0263D0A3", "Value": 5.0}
    first = {"Quotas": [other, {"QuotaCode": "L-DB2E81BA", "Value": 64.0}], "NextToken": "next"}
    second = {"Quotas": [{"QuotaCode": "L-417A185B", "Value": 0.0}, {"QuotaCode": "L-3819A6DF"}]}
    service.add_response(LIST, first, query)
    service.add_response(LIST, second, {**query, "NextToken": "next"})
    assert quotas.read_limits("us-east-1") == {"L-DB2E81BA": 64, "L-417A185B": 0}


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("TooManyRequestsException", 429, TransientAwsError),
        ("ServiceException", 500, TransientAwsError),
        ("AccessDeniedException", 400, AwsForbidden),
    ],
)
def test_refused_call_is_an_error(
    service: Stubber, quotas: Quotas, code: str, status: int, error: type[Exception]
) -> None:
    service.add_client_error(LIST, code, http_status_code=status)
    with pytest.raises(error, match=code):
        quotas.read_limits("us-east-1")


def test_running_instances_of_everybody_are_listed_by_market(ec2: Stubber, quotas: Quotas) -> None:
    query = {
        "Filters": [{"Name": "instance-state-name", "Values": ["pending", "running"]}],
        "MaxResults": INSTANCE_PAGE_SIZE,
    }
    own = {"InstanceType": "g4dn.xlarge", "Placement": {"Tenancy": "default"}, "Tags": [{"Key": "x", "Value": "y"}]}
    spot = {"InstanceType": "g5.xlarge", "InstanceLifecycle": "spot"}
    block = {"InstanceType": "p5.48xlarge", "InstanceLifecycle": "capacity-block"}
    on_host = {"InstanceType": "g4dn.metal", "Placement": {"Tenancy": "host"}}
    first = {"Reservations": [{"Instances": [own, block]}, {"Instances": [spot]}], "NextToken": "next"}
    ec2.add_response("describe_instances", first, query)
    last = {"Reservations": [{"Instances": [on_host, {"InstanceType": "m5.large"}]}]}
    ec2.add_response("describe_instances", last, {**query, "NextToken": "next"})
    assert quotas.list_running("us-east-1") == [
        RunningInstance("g4dn.xlarge", Market.ON_DEMAND),
        RunningInstance("g5.xlarge", Market.SPOT),
        RunningInstance("m5.large", Market.ON_DEMAND),
    ]


def test_throttled_list_of_instances_is_an_error(ec2: Stubber, quotas: Quotas) -> None:
    ec2.add_client_error("describe_instances", "RequestLimitExceeded", http_status_code=503)
    with pytest.raises(TransientAwsError, match="RequestLimitExceeded"):
        quotas.list_running("us-east-1")
