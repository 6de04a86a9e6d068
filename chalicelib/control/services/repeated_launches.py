"""Identify the requests to launch that repeat an earlier one, and answer them with the instance of the first."""

import hashlib
import json
from datetime import datetime

from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.domain.common.deadlines import DUPLICATE_REQUEST_WINDOW, IDEMPOTENCY_RETENTION
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.text import format_age
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.store.instances.idempotency import EarlierLaunch, IdempotencyRecord
from chalicelib.store.instances.repository import InstanceRepository


def build_idempotency_record(owner: str, key: str | None, body_digest: str, now: datetime) -> IdempotencyRecord:
    """Build the record that identifies a request: by its key for a day, or else by its body for 2 minutes."""
    kind, text, duration = (
        ("key", key, IDEMPOTENCY_RETENTION) if key else ("body", body_digest, DUPLICATE_REQUEST_WINDOW)
    )
    digest = hashlib.sha256(json.dumps([kind, owner, text]).encode()).hexdigest()
    return IdempotencyRecord(key=f"{kind}#{digest}", digest=body_digest, until=now + duration)


def load_repeated_answer(
    earlier: EarlierLaunch, key: str | None, instances: InstanceRepository, now: datetime
) -> InstanceWithWarnings:
    """Return the answer to the first request again. For a request without a key, add how to create another instance.

    :param key: the Idempotency-Key header
    :raises ValidationFailed: the key was used with another body
    :raises Conflict: the record of the first request is not stored yet
    """
    if not earlier.has_same_body:
        raise ValidationFailed(
            "This Idempotency-Key was used with another body. Use a new key for a new request.",
            code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
            errors=(FieldError("Idempotency-Key", "was used with another body"),),
        )
    instance = instances.load(earlier.instance_id)
    if instance is None:
        message = "The record of the first request with this key is not stored yet. Try again."
        raise Conflict(message, code=ErrorCode.CONCURRENT_UPDATE)
    if key:
        return InstanceWithWarnings(instance, earlier.warnings)
    message = (
        f"Returned the instance created by an identical request {format_age(now - instance.created_at)}. To create "
        "another one, send a new Idempotency-Key."
    )
    return InstanceWithWarnings(instance, (WriteWarning(WarningCode.DUPLICATE_REQUEST, message), *earlier.warnings))
