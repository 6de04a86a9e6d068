"""Every table whose items become outdated has an expiry, and the heartbeat of an existing instance has none."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import boto3
import pytest

from chalicelib.domain.access.actor import Role
from chalicelib.domain.common.deadlines import HEARTBEAT_RETENTION, LEDGER_RETENTION, TIMELINE_RETENTION
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import BillingState, Rates
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.store.heartbeats import HeartbeatModel
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.ledger import LedgerModel
from chalicelib.store.owners import OwnerModel
from chalicelib.store.tables import TABLES, create_tables, reset_endpoint
from chalicelib.store.timeline import TimelineModel
from chalicelib.store.tokens import TokenModel, TokenRepository
from local.aws.core.testing import in_process_cloud
from tests.support.ready_instance import MINUTE, START, build_ready_instance

KEY = "AROAEXAMPLEEXAMPLEEXA:i-0123456789abcdef0"
ENTRY = timeline_entry(START, EventReason(code=EventCode.READY, message="ready"))
SEGMENT = BilledSegment(
    owner="ada", instance_id="gd-1", name="n", state=BillingState.RUNNING, since=START, until=START, rates=Rates()
)


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with in_process_cloud():
        reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
        create_tables("us-east-1", "gpudesk")
        yield


def write(before: Instance, **changes: object) -> Instance:
    after = replace(before, **changes)  # type: ignore[arg-type]
    return InstanceRepository().write(
        RecordWrite(before=before, after=after, entries=(ENTRY,), segments=(SEGMENT,), heartbeat_key=KEY)
    )


def find_heartbeat_expiry() -> datetime | None:
    return HeartbeatModel.get(KEY, consistent_read=True).expires_at


def test_tables_expire_their_items_except_settings(tables: None) -> None:
    client = boto3.client("dynamodb", "us-east-1")
    described = {
        model: client.describe_time_to_live(TableName=model.Meta.table_name)["TimeToLiveDescription"]
        for model in TABLES
    }
    enabled = {model for model, ttl in described.items() if ttl.get("AttributeName") == "expires_at"}
    assert set(TABLES) - enabled == {OwnerModel}


def test_heartbeat_of_a_terminated_instance_expires_unless_the_instance_lives_again(tables: None) -> None:
    instance = build_ready_instance()
    InstanceRepository().adopt(instance, [])
    HeartbeatModel(KEY, response="[]").save()
    instance = write(replace(instance, version=1), phase=Phase.STOPPED)
    assert find_heartbeat_expiry() is None
    terminated = write(instance, phase=Phase.TERMINATED, terminated_at=START, ec2_instance=None)
    assert find_heartbeat_expiry() == START + HEARTBEAT_RETENTION
    write(terminated, phase=Phase.READY, terminated_at=None, ec2_instance=build_ready_instance().ec2_instance)
    assert find_heartbeat_expiry() is None
    (entry, *_) = TimelineModel.query("gd-1")
    assert entry.expires_at == START + TIMELINE_RETENTION
    (segment,) = LedgerModel.query(f"{START:%Y-%m}")
    assert segment.expires_at == START + LEDGER_RETENTION


def test_expired_token_is_refused_before_dynamodb_deletes_it(tables: None) -> None:
    tokens = TokenRepository()
    token = tokens.create("ada", Role.USER, now=START, valid_for=timedelta(days=1))
    (item,) = TokenModel.scan()
    assert item.serialize()["expires_at"] == {"N": str(int((START + timedelta(days=1)).timestamp()))}
    holder = tokens.find_holder(token, START + timedelta(days=1) - MINUTE)
    assert holder is not None
    assert holder.expires_at == START + timedelta(days=1)
    assert tokens.find_holder(token, START + timedelta(days=1)) is None
