"""Idempotency records: the items of the desk table by which a repeated POST /instances returns the first instance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.attributes import MapAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import find_item


@dataclass(frozen=True, kw_only=True)
class IdempotencyRecord:
    """The stored key and digest of a request.

    :param key: identifies the owner, and the Idempotency-Key or the body
    :param digest: the digest of the body; the same key with another body is an error of the client
    :param until: the time from which the key may be used for another request
    :param warnings: the warnings of the first response, which a repeated request gets again
    """

    key: str
    digest: str
    until: datetime
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class EarlierLaunch:
    """The launch of an earlier request with the same key.

    :param has_same_body: the earlier body was identical
    :param warnings: the warnings of the earlier response
    """

    instance_id: str
    has_same_body: bool
    warnings: tuple[WriteWarning, ...] = ()


def find_earlier_launch(idempotency: IdempotencyRecord, now: datetime) -> EarlierLaunch | None:
    """Return the launch of an earlier request with the same key, until its record expires."""
    item = find_item(DeskModel, idempotency.key)
    if item is None or not item.instance or (item.until or 0) < int(now.timestamp()):
        return None
    warnings = tuple(map(_to_warning, item.warnings or ()))
    return EarlierLaunch(item.instance, item.digest == idempotency.digest, warnings)


def add_idempotency_record(
    changes: TransactWrite, idempotency: IdempotencyRecord, instance_id: str, now: datetime
) -> None:
    """Add the record of a launch. The transaction fails if the key is in use."""
    changes.save(
        DeskModel(
            idempotency.key,
            instance=instance_id,
            digest=idempotency.digest,
            warnings=[{"code": warning.code.value, "message": warning.message} for warning in idempotency.warnings],
            until=int(idempotency.until.timestamp()),
            expires_at=idempotency.until,
        ),
        condition=DeskModel.key.does_not_exist() | (DeskModel.until < int(now.timestamp())),
    )


def _to_warning(raw: MapAttribute[str, Any]) -> WriteWarning:
    return WriteWarning(WarningCode(raw["code"]), str(raw["message"]))
