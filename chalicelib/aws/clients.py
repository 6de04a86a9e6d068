"""SDK clients: one for each service and region, created when first needed."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2_instance_connect import EC2InstanceConnectClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient

NO_RETRIES = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10)
"""The control loop retries. Retries of the SDK would use up the rate limit of RunInstances and hide a lost response."""


class Clients:
    """EC2, EC2 Instance Connect, SSM and SNS clients by region."""

    def __init__(self) -> None:
        """Start without clients; each is created when first needed."""
        self._clients: dict[tuple[str, str], Any] = {}

    def ec2(self, region: str) -> "EC2Client":
        """Return the EC2 client of a region."""
        client: EC2Client = self._get("ec2", region)
        return client

    def instance_connect(self, region: str) -> "EC2InstanceConnectClient":
        """Return the EC2 Instance Connect client of a region."""
        client: EC2InstanceConnectClient = self._get("ec2-instance-connect", region)
        return client

    def ssm(self, region: str) -> "SSMClient":
        """Return the SSM client of a region."""
        client: SSMClient = self._get("ssm", region)
        return client

    def sns(self, region: str) -> "SNSClient":
        """Return the SNS client of a region."""
        client: SNSClient = self._get("sns", region)
        return client

    def _get(self, service: Any, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            _set_up_session()
            self._clients[key] = boto3.client(service, region_name=region, config=NO_RETRIES)
        return self._clients[key]


def parse_time(value: Any) -> datetime:
    """Return the time of a response. ISO 8601, as EC2 writes it, is parsed by Python.

    botocore's own parser tries many formats. It took a third of the CPU time of a sweep.

    :raises ValueError: the value is no time
    """
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return parse_timestamp(value)
        if time.tzinfo:
            return time
    return parse_timestamp(value)


def _set_up_session() -> None:
    """Make the clients of boto3's default session parse times with `parse_time`, unless there is such a session."""
    if boto3.DEFAULT_SESSION is None:
        session = botocore.session.get_session()
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)
        boto3.setup_default_session(botocore_session=session)
