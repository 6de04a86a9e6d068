"""Access keys of instances: each has its own, so that the local cloud knows which instance makes a call."""

import base64
import hashlib

MACHINE_KEY_PREFIX = "ASIALOCAL"
"""Prefix of the access keys of instances."""

KEY_LENGTH = 20
"""AWS's keys have this length, and moto finds only such keys in a request."""


def build_machine_key(instance_id: str) -> str:
    """Return the access key of an instance. It stays the same, also after a restart."""
    return build_access_key(MACHINE_KEY_PREFIX, instance_id)


def build_access_key(prefix: str, identity: str) -> str:
    """Return an access key that depends only on the identity."""
    digest = base64.b32encode(hashlib.sha256(identity.encode()).digest()).decode()
    return f"{prefix}{digest}"[:KEY_LENGTH]
