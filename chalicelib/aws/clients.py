"""SDK clients: one for each service and region, created when first needed."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2_instance_connect import EC2InstanceConnectClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient

NO_RETRIES = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10)
"""The control loop retries. Retries of the SDK would use up the rate limit of RunInstances and hide a lost response."""


SHORT = Config(retries={"total_max_attempts": 1}, connect_timeout=0.5, read_timeout=1)
"""For a call that a person waits for: Slack shows its user an error after 3 seconds."""


class Clients:
    """EC2, EC2 Instance Connect, SSM and SNS clients by region."""

    def __init__(self) -> None:
        """Start without clients; each is created when first needed."""
        self._clients: dict[tuple[str, str, bool], Any] = {}

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

    def ssm_in_request(self, region: str) -> "SSMClient":
        """Return an SSM client with short timeouts, for a call that a person waits for."""
        client: SSMClient = self._get("ssm", region, SHORT)
        return client

    def sns(self, region: str) -> "SNSClient":
        """Return the SNS client of a region."""
        client: SNSClient = self._get("sns", region)
        return client

    def _get(self, service: Any, region: str, config: Config = NO_RETRIES) -> Any:
        key = (service, region, config is SHORT)
        if key not in self._clients:
            self._clients[key] = boto3.client(service, region_name=region, config=config)
        return self._clients[key]
