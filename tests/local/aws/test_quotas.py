"""Quotas of the local cloud: launches and starts beyond them, and requests to increase them."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.core.local_cloud import LocalCloud
from tests.local.aws.conftest import ONCE, Launch

G_ON_DEMAND, STANDARD = "L-DB2E81BA", "L-1216C47A"
QUOTA = {"ServiceCode": "ec2", "QuotaCode": G_ON_DEMAND}


@pytest.fixture
def quotas(cloud: LocalCloud) -> Any:
    return boto3.client("service-quotas", "us-east-1", config=ONCE)


def get_code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_launch_beyond_the_quota_of_its_series_is_refused(cloud: LocalCloud, launch: Launch) -> None:
    cloud.quotas.set_limit("us-east-1", G_ON_DEMAND, 7)
    launch(InstanceType="g4dn.xlarge")
    with pytest.raises(ClientError, match="current vCPU limit of 7 allows") as error:
        launch(InstanceType="g4dn.xlarge")
    assert get_code(error) == "VcpuLimitExceeded"
    launch(InstanceType="t3.medium")
    cloud.quotas.set_limit("us-east-1", G_ON_DEMAND, 8)
    launch(InstanceType="g4dn.xlarge")


def test_spot_and_on_demand_have_quotas_of_their_own(cloud: LocalCloud, launch: Launch) -> None:
    cloud.quotas.set_limit("us-east-1", "L-3819A6DF", 0)
    launch(InstanceType="g4dn.xlarge")
    with pytest.raises(ClientError) as error:
        launch(InstanceType="g4dn.xlarge", InstanceMarketOptions={"MarketType": "spot"})
    assert get_code(error) == "MaxSpotInstanceCountExceeded"


def test_start_beyond_the_quota_is_refused_and_a_stopped_instance_uses_none(
    cloud: LocalCloud, launch: Launch, ec2: Any
) -> None:
    cloud.quotas.set_limit("us-east-1", G_ON_DEMAND, 4)
    first = launch(InstanceType="g4dn.xlarge")
    cloud.clock.advance(cloud.timing.pending_for)  # type: ignore[attr-defined]
    ec2.stop_instances(InstanceIds=[first])
    launch(InstanceType="g4dn.xlarge")
    cloud.clock.advance(cloud.timing.stopping_for)  # type: ignore[attr-defined]
    with pytest.raises(ClientError) as error:
        ec2.start_instances(InstanceIds=[first])
    assert get_code(error) == "VcpuLimitExceeded"


def test_request_is_open_until_it_is_decided_and_raises_the_quota(cloud: LocalCloud, quotas: Any) -> None:
    cloud.quotas.set_limit("us-east-1", G_ON_DEMAND, 0)
    requested = quotas.request_service_quota_increase(**QUOTA, DesiredValue=8)["RequestedQuota"]
    assert (requested["Status"], requested["DesiredValue"]) == ("PENDING", 8)
    with pytest.raises(ClientError) as second:
        quotas.request_service_quota_increase(**QUOTA, DesiredValue=16)
    assert get_code(second) == "ResourceAlreadyExistsException"
    cloud.quota_requests.decide(requested["Id"], "APPROVED")
    history = quotas.list_requested_service_quota_change_history_by_quota(**QUOTA)["RequestedQuotas"]
    assert [(each["Id"], each["Status"]) for each in history] == [(requested["Id"], "APPROVED")]
    assert quotas.get_service_quota(**QUOTA)["Quota"]["Value"] == 8
    with pytest.raises(ValueError, match="is APPROVED, which is final"):
        cloud.quota_requests.decide(requested["Id"], "DENIED")
    with pytest.raises(ClientError) as lower:
        quotas.request_service_quota_increase(**QUOTA, DesiredValue=8)
    assert get_code(lower) == "IllegalArgumentException"
    assert len(boto3.client("iam").list_roles(PathPrefix="/aws-service-role/servicequotas")["Roles"]) == 1
