"""The parameter with the key from which gpudesk derives the secrets of webhooks."""

import base64
import secrets

import boto3

from deploy.names import ResourceNames


def create_webhook_key(names: ResourceNames) -> None:
    """Create a new key. It is no part of a stack, because CloudFormation creates no SecureString."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    ssm = boto3.client("ssm", names.settings.home_region)
    ssm.put_parameter(Name=names.webhook_key, Value=key, Type="SecureString")
