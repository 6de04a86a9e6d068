"""Create the record of a launch in one transaction: find repeated requests, refuse names in use and full limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.attributes import MapAttribute
from pynamodb.exceptions import TransactWriteError

from chalicelib.domain.common.deadlines import IDEMPOTENCY_RETENTION
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.write_warnings import WarningCode, WriteWarning
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import (
    TransactionConflict,
    cancellation_codes,
    find_item,
    retry_on_conflict,
    transaction,
)
from chalicelib.store.instances.items import adjust_owner_count, append_timeline, name_key, to_instance_model


@dataclass(frozen=True, kw_only=True)
class IdempotencyRecord:
    """The stored key and digest that make a repeated POST return the first instance.

    :param key: of the owner, and of the Idempotency-Key or the body
    :param digest: of the body: the same key with another body is an error of the client
    :param until: when the key may be used for another request
    :param warnings: of the first response, so that a repeated request gets the same response
    """

    key: str
    digest: str
    until: datetime
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class LaunchCreated:
    """The record was created."""


@dataclass(frozen=True)
class DuplicateRequest:
    """An earlier request with the same key created an instance.

    :param same_body: the earlier body was identical
    """

    instance_id: str
    same_body: bool
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class NameTaken:
    """An active instance has this name."""


@dataclass(frozen=True)
class LimitReached:
    """The owner has as many active instances as allowed."""


LaunchResult = LaunchCreated | DuplicateRequest | NameTaken | LimitReached


class LaunchRepository:
    """The writes of POST /instances."""

    def launch(
        self,
        instance: Instance,
        entries: Iterable[TimelineEntry],
        request: IdempotencyRecord,
        *,
        limit: int,
        now: datetime,
    ) -> LaunchResult:
        """Write record, timeline, name, count and idempotency record in one transaction: all of them or none.

        :param limit: how many active instances the owner may have, this one included
        :raises VersionConflict: every attempt met other launches of the owner
        """
        timeline = tuple(entries)

        def attempt() -> LaunchResult:
            known = self.find(request, now)
            if known:
                return LaunchCreated() if known.instance_id == instance.id else known
            try:
                self._write(instance, timeline, request, limit, now)
            except TransactWriteError as error:
                return self._explain(error, instance, request, now)
            return LaunchCreated()

        return retry_on_conflict(attempt, TransactionConflict)

    def find(self, request: IdempotencyRecord, now: datetime) -> DuplicateRequest | None:
        """Return the launch of an earlier request with the same key, until its record expires."""
        item = find_item(DeskModel, request.key)
        if item is None or not item.instance or (item.until or 0) < int(now.timestamp()):
            return None
        warnings = tuple(map(_to_warning, item.warnings or ()))
        return DuplicateRequest(item.instance, item.digest == request.digest, warnings)

    def _write(
        self,
        instance: Instance,
        entries: Iterable[TimelineEntry],
        request: IdempotencyRecord,
        limit: int,
        now: datetime,
    ) -> None:
        with transaction() as changes:
            changes.save(
                DeskModel(
                    request.key,
                    instance=instance.id,
                    digest=request.digest,
                    warnings=[{"code": warning.code.value, "message": warning.message} for warning in request.warnings],
                    until=int(request.until.timestamp()),
                    expires_at=request.until + IDEMPOTENCY_RETENTION,
                ),
                condition=DeskModel.key.does_not_exist() | (DeskModel.until < int(now.timestamp())),
            )
            changes.save(
                DeskModel(name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
            )
            adjust_owner_count(changes, instance.owner, +1, limit)
            changes.save(to_instance_model(instance, None, user_write=True))
            append_timeline(changes, instance.id, 1, entries)

    def _explain(
        self, error: TransactWriteError, instance: Instance, request: IdempotencyRecord, now: datetime
    ) -> LaunchResult:
        """Return what a failed transaction means. If our own earlier write was committed, that is a success.

        PynamoDB sends the puts in their order (idempotency record, name, record, timeline), then the updates (count).

        :raises TransactionConflict: another transaction was in the way; try again
        """
        known = self.find(request, now)
        if known:
            return LaunchCreated() if known.instance_id == instance.id else known
        if not cancellation_codes(error) & {"ConditionalCheckFailed", "TransactionConflict"}:
            raise error
        reasons = [reason.code if reason else None for reason in error.cancellation_reasons]
        failed = [reason == "ConditionalCheckFailed" for reason in reasons]
        if any(failed) and failed[1]:
            return NameTaken()
        if any(failed) and failed[-1]:
            return LimitReached()
        raise TransactionConflict(f"All attempts to launch for {instance.owner} met other launches") from error


def _to_warning(raw: MapAttribute[str, Any]) -> WriteWarning:
    return WriteWarning(WarningCode(raw["code"]), str(raw["message"]))
