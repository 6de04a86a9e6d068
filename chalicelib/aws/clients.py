"""SDK clients: one for each service and region, created when first needed."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

from chalicelib.domain.sessions.role import Credentials
from chalicelib.domain.sessions.time_limit import CONNECT_TIMEOUT, READ_TIMEOUT

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2_instance_connect import EC2InstanceConnectClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

NO_RETRIES = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10)
"""The control loop retries. Retries of the SDK would use up the rate limit of RunInstances and hide a lost response."""

WHILE_A_PERSON_WAITS = Config(
    retries={"total_max_attempts": 1}, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT
)
"""Several calls in one request: each must be short, and the person tries again."""


SHORT = Config(retries={"total_max_attempts": 1}, connect_timeout=0.5, read_timeout=1)
"""For a call that a person waits for: Slack shows its user an error after 3 seconds."""


class Clients:
    """EC2, EC2 Instance Connect, SSM, SNS and STS clients by region.

    :param config: timeouts and retries of all clients
    """

    def __init__(self, config: Config = NO_RETRIES) -> None:
        """Start without clients; each is created when first needed."""
        self._config = config
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

    def sts(self, region: str) -> "STSClient":
        """Return the STS client of a region."""
        client: STSClient = self._get("sts", region)
        return client

    def create_ssm(self, region: str, credentials: Credentials) -> "SSMClient":
        """Return a new SSM client that calls as the identity of temporary credentials."""
        client: SSMClient = boto3.client(
            "ssm",
            region_name=region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=self._config,
        )
        return client

    def _get(self, service: Any, region: str, config: Config | None = None) -> Any:
        key = (service, region, config is SHORT)
        if key not in self._clients:
            _set_up_session()
            self._clients[key] = boto3.client(service, region_name=region, config=config or self._config)
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
