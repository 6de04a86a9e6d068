"""SDK clients, one for each service and region, made when first needed."""

import functools
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2_instance_connect import EC2InstanceConnectClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient

ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10)
"""The loop is the retry: the SDK's own would empty RunInstances' bucket and hide a lost answer."""


class Clients:
    """EC2, EC2 Instance Connect, SSM and SNS clients by region."""

    def __init__(self) -> None:
        self.ec2 = functools.cache(self._ec2)
        self.instance_connect = functools.cache(self._instance_connect)
        self.ssm = functools.cache(self._ssm)
        self.sns = functools.cache(self._sns)

    def _ec2(self, region: str) -> "EC2Client":
        return boto3.client("ec2", region_name=region, config=ONCE)

    def _instance_connect(self, region: str) -> "EC2InstanceConnectClient":
        return boto3.client("ec2-instance-connect", region_name=region, config=ONCE)

    def _ssm(self, region: str) -> "SSMClient":
        return boto3.client("ssm", region_name=region, config=ONCE)

    def _sns(self, region: str) -> "SNSClient":
        return boto3.client("sns", region_name=region, config=ONCE)
