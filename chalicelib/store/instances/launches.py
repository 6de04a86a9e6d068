"""A launch is one transaction: what is repeated is found again, what is taken is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.attributes import MapAttribute
from pynamodb.exceptions import TransactWriteError

from chalicelib.domain.common.deadlines import IDEMPOTENCY_RETENTION
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.instances.record import Instance
from chalicelib.store.dynamo import (
    MAX_ATTEMPTS,
    VersionConflict,
    adjust_owner_count,
    append_timeline,
    cancellation_codes,
    get_consistent,
    name_key,
    to_instance_model,
    transaction,
)
from chalicelib.store.models import DeskModel


@dataclass(frozen=True, kw_only=True)
class IdempotencyRecord:
    """What makes two requests the same.

    :param key: of the owner and of the Idempotency-Key or of what was asked for
    :param digest: of the body: the same key with another body is a mistake
    :param until: how long it is remembered
    :param warnings: those of the answer, so that a repeated request gets the same answer
    """

    key: str
    digest: str
    until: datetime
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class LaunchCreated:
    """The record was made."""


@dataclass(frozen=True)
class DuplicateRequest:
    """The wish was granted before.

    :param same_body: whether it was word for word the same
    """

    instance_id: str
    same_body: bool
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class NameTaken:
    """An instance of that name lives."""


@dataclass(frozen=True)
class LimitReached:
    """The owner has as many living instances as allowed."""


LaunchResult = LaunchCreated | DuplicateRequest | NameTaken | LimitReached


class LaunchRepository:
    """The writing end of POST /instances."""

    def launch(
        self,
        instance: Instance,
        entries: Iterable[TimelineEntry],
        wish: IdempotencyRecord,
        *,
        limit: int,
        now: datetime,
    ) -> LaunchResult:
        """One transaction: record, name, limit, wish and timeline, all of them or none.

        :param limit: how many living instances the owner may have, this one included
        """
        for _ in range(MAX_ATTEMPTS):
            known = self.find(wish, now)
            if known:
                return LaunchCreated() if known.instance_id == instance.id else known
            try:
                self._launch(instance, entries, wish, limit, now)
            except TransactWriteError as error:
                refusal = self._refusal(error, instance.id, wish, now)
                if refusal:
                    return refusal
            else:
                return LaunchCreated()
        raise VersionConflict(f"{MAX_ATTEMPTS} launches of {instance.owner} in a row met another one")

    def find(self, wish: IdempotencyRecord, now: datetime) -> DuplicateRequest | None:
        """The launch that this wish was granted with before, while it is remembered."""
        found = get_consistent(DeskModel, wish.key)
        if found is None or not found.instance or (found.until or 0) < int(now.timestamp()):
            return None
        return DuplicateRequest(found.instance, found.digest == wish.digest, tuple(map(_warning, found.warnings or ())))

    def _launch(
        self, instance: Instance, entries: Iterable[TimelineEntry], wish: IdempotencyRecord, limit: int, now: datetime
    ) -> None:
        with transaction() as changes:
            changes.save(
                DeskModel(
                    wish.key,
                    instance=instance.id,
                    digest=wish.digest,
                    warnings=[{"code": warning.code.value, "message": warning.message} for warning in wish.warnings],
                    until=int(wish.until.timestamp()),
                    expires_at=wish.until + IDEMPOTENCY_RETENTION,
                ),
                condition=DeskModel.key.does_not_exist() | (DeskModel.until < int(now.timestamp())),
            )
            changes.save(
                DeskModel(name_key(instance.name), instance=instance.id), condition=DeskModel.key.does_not_exist()
            )
            adjust_owner_count(changes, instance.owner, +1, below=limit)
            changes.save(to_instance_model(instance, None, user_write=True))
            append_timeline(changes, instance.id, 1, entries)

    def _refusal(
        self, error: TransactWriteError, instance_id: str, wish: IdempotencyRecord, now: datetime
    ) -> LaunchResult | None:
        """What a failed transaction means; our own earlier request is a success. None: try again.

        PynamoDB sends the puts in their order (wish, name, record, timeline) and then the updates (limit).
        """
        known = self.find(wish, now)
        if known:
            return LaunchCreated() if known.instance_id == instance_id else known
        if not set(cancellation_codes(error)) & {"ConditionalCheckFailed", "TransactionConflict"}:
            raise error
        reasons = [reason.code if reason else None for reason in error.cancellation_reasons]
        failed = [reason == "ConditionalCheckFailed" for reason in reasons]
        if not any(failed):
            return None
        if failed[1]:
            return NameTaken()
        return LimitReached() if failed[-1] else None


def _warning(raw: MapAttribute[str, Any]) -> WriteWarning:
    return WriteWarning(WarningCode(raw["code"]), str(raw["message"]))
