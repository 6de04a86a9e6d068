"""The settings of gpudesk on the local cloud, in place of the environment that a deployment sets."""

from collections.abc import Mapping

from chalicelib.settings import Settings, read_settings

VARIABLES: Mapping[str, str] = {
    "GPUDESK_STAGE": "dev",
    "GPUDESK_TABLE_PREFIX": "gpudesk",
    "GPUDESK_INSTANCE_PROFILE": "gpudesk-instance",
    "GPUDESK_INSTANCE_ROLE_ID": "AROA0000000000000000",
    "GPUDESK_SESSION_ROLE_ARN": "arn:aws:iam::123456789012:role/gpudesk-dev-session",
    "GPUDESK_SECURITY_GROUP": "gpudesk",
    "GPUDESK_WEBHOOK_KEY": "/gpudesk/dev/webhook-key",
    "AWS_REGION": "us-east-1",
}
"""`provision` creates what they name, and replaces the ids that are only known then."""


def read_local_settings() -> Settings:
    """Return the settings of the local cloud, except for the ids that it gives to its resources."""
    return read_settings(VARIABLES)
