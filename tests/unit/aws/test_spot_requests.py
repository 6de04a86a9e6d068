"""Which of several spot requests with the tag of a record belongs to an EC2 instance."""

from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.aws.spot_requests import SpotRequests
from chalicelib.domain.instances.spot import SpotRequestKey
from local.aws.core.testing import create_session
from tests.unit.aws.test_foreign_instances import StubbedClients
from tests.unit.foreign.examples import NOW


def build_raw(request_id: str, state: str, instance_id: str | None) -> dict[str, Any]:
    request = {"SpotInstanceRequestId": request_id, "State": state, "CreateTime": NOW}
    return {**request, "InstanceId": instance_id} if instance_id else request


FORMER = build_raw("sir-former", "disabled", "i-former")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], None),
        ([build_raw("sir-new", "open", None)], "sir-new"),
        ([build_raw("sir-new", "active", "i-new")], "sir-new"),
        ([build_raw("sir-other", "open", None), build_raw("sir-new", "cancelled", "i-new")], "sir-new"),
    ],
)
def test_request_of_another_instance_of_the_record_is_not_found(
    others: list[dict[str, Any]], expected: str | None
) -> None:
    client = create_session().client("ec2", "us-east-1")
    with Stubber(client) as stubber:
        stubber.add_response("describe_spot_instance_requests", {"SpotInstanceRequests": [FORMER, *others]})
        key = SpotRequestKey(region="us-east-1", instance_id="i-new", request_id=None)
        found = SpotRequests(StubbedClients(client), "dev").find(key, "gd-1")
    assert (found.request_id if found else None) == expected
