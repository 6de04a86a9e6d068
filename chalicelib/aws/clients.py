"""SDK clients: one for each service and region, created when first needed, from one SDK session.

clients = build_client_sets()
clients.loop.ec2("eu-west-1")     # the control loop, which tries again on its own
clients.request.ssm("eu-west-1")  # a person waits for this call
clients.session.sts("eu-west-1")  # a person waits for a session, which needs several calls
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

from chalicelib.domain.sessions.role import Credentials
from chalicelib.domain.sessions.time_limit import CONNECT_TIMEOUT, READ_TIMEOUT

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2_instance_connect import EC2InstanceConnectClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient


def build_config(connect_timeout: float, read_timeout: float) -> Config:
    """Return timeouts in seconds, without retries.

    Retries of the SDK would use up the rate limit of RunInstances, hide a lost response, and let a person wait.
    """
    return Config(retries={"total_max_attempts": 1}, connect_timeout=connect_timeout, read_timeout=read_timeout)


LOOP_CONFIG = build_config(3, 10)
"""Time limits of the control loop, which tries again on its own."""

REQUEST_CONFIG = build_config(0.5, 1)
"""Time limits of one call in a request: Slack shows its user an error after 3 seconds."""

SESSION_CONFIG = build_config(CONNECT_TIMEOUT, READ_TIMEOUT)
"""Time limits of the calls that open a session."""


class SdkSession:
    """A session of the SDK, from which threads create clients one after another.

    boto3's default session stays as it is.
    https://docs.aws.amazon.com/boto3/latest/guide/session.html#multithreading-or-multiprocessing-with-sessions
    """

    def __init__(self) -> None:
        """Create the session. It loads the description of a service when its first client is created."""
        session = botocore.session.get_session()
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)
        self._session = boto3.Session(botocore_session=session)
        self._lock = threading.Lock()

    def create_client(self, service: Any, region: str, config: Config, credentials: Credentials | None = None) -> Any:
        """Return a new client.

        :param credentials: None: those of gpudesk itself
        """
        keys: dict[str, Any] = {}
        if credentials:
            keys["aws_access_key_id"] = credentials.access_key_id
            keys["aws_secret_access_key"] = credentials.secret_access_key
            keys["aws_session_token"] = credentials.session_token
        with self._lock:
            return self._session.client(service, region_name=region, config=config, **keys)


class Clients:
    """Clients of EC2, EC2 Instance Connect, the Price List, Service Quotas, SSM, SNS and STS by region.

    Threads may share this object.

    :param config: timeouts and retries of all clients
    """

    def __init__(self, config: Config, session: SdkSession) -> None:
        """Start without clients; each is created when first needed."""
        self._config = config
        self._session = session
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def ec2(self, region: str) -> "EC2Client":
        """Return the EC2 client of a region."""
        client: EC2Client = self._get("ec2", region)
        return client

    def instance_connect(self, region: str) -> "EC2InstanceConnectClient":
        """Return the EC2 Instance Connect client of a region."""
        client: EC2InstanceConnectClient = self._get("ec2-instance-connect", region)
        return client

    def pricing(self, region: str) -> "BaseClient":
        """Return the Price List client of a region, which has the prices of all regions."""
        client: BaseClient = self._get("pricing", region)
        return client

    def service_quotas(self, region: str) -> "BaseClient":
        """Return the Service Quotas client of a region."""
        client: BaseClient = self._get("service-quotas", region)
        return client

    def ssm(self, region: str) -> "SSMClient":
        """Return the SSM client of a region."""
        client: SSMClient = self._get("ssm", region)
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
        client: SSMClient = self._session.create_client("ssm", region, self._config, credentials)
        return client

    def _get(self, service: str, region: str) -> Any:
        key = (service, region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session.create_client(service, region, self._config)
            return self._clients[key]


@dataclass(frozen=True, kw_only=True)
class ClientSets:
    """The clients of gpudesk, by who waits for their calls."""

    loop: Clients
    request: Clients
    session: Clients


def build_client_sets(session: SdkSession | None = None, loop_config: Config = LOOP_CONFIG) -> ClientSets:
    """Return clients that share one session.

    :param session: None: a new one
    """
    session = session or SdkSession()
    return ClientSets(
        loop=Clients(loop_config, session),
        request=Clients(REQUEST_CONFIG, session),
        session=Clients(SESSION_CONFIG, session),
    )


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
