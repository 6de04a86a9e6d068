"""Values survive the store exactly: decimals, times with microseconds, durations, enums, sets and mappings."""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import store
from chalicelib.control.loop.sweep import LEFT_OVER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import Billing, BillingState, Meter, Rates
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.store.instances.items import INSTANCE, to_instance_model
from chalicelib.store.ledger import SEGMENT
from chalicelib.store.stored_type import StoredType
from tests.support.ready_instance import START, build_ready_instance

times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001
amounts = st.decimals(min_value=0, max_value=10**9, places=12) | st.sampled_from([Decimal("0"), Decimal("1E-10")])


@given(times, amounts, amounts, st.text(st.characters(codec="utf-8"), max_size=40))
def test_record_is_read_as_written(since: datetime, rate: Decimal, accrued: Decimal, text: str) -> None:
    instance = build_ready_instance()
    instance = replace(
        instance,
        created_at=since,
        spec=replace(instance.spec, tags={text: text}),
        billing=Billing(
            rates=Rates(instance=rate), meter=Meter(state=BillingState.RUNNING, since=since, accrued=accrued)
        ),
        notified={EventCode.TAGS_LOST: since, EventCode.IDLE_WARNING: since},
    )
    loaded = INSTANCE.decode(INSTANCE.encode(instance))
    assert loaded == instance
    # Decimal("1.0") equals Decimal("1"): the texts must be equal, too.
    assert (str(loaded.billing.rates), str(loaded.billing.meter.accrued)) == (str(instance.billing.rates), str(accrued))


def test_record_that_was_written_before_starts_and_moves_is_readable() -> None:
    stored = json.loads(INSTANCE.encode(build_ready_instance()))
    del stored["start"]
    assert "move" not in stored
    assert INSTANCE.decode(json.dumps(stored)) == build_ready_instance()


def test_field_with_a_former_name_is_read() -> None:
    name = '"is_foreign":'
    instance = replace(build_ready_instance(), name=name, is_adopted_on_request=True)
    former = INSTANCE.encode(instance).replace('"is_adopted_on_request":', '"is_foreign":')
    assert '"is_foreign":true' in former
    assert INSTANCE.decode(former) == instance


@given(times, amounts)
def test_billed_segment_is_read_as_written(since: datetime, rate: Decimal) -> None:
    segment = BilledSegment(
        owner="ada",
        instance_id="gd-1",
        name="n",
        state=BillingState.STOPPED,
        since=since,
        until=since + timedelta(microseconds=1),
        rates=Rates(disk=rate),
    )
    loaded = SEGMENT.decode(SEGMENT.encode(segment))
    assert (loaded, str(loaded.rates)) == (segment, str(segment.rates))


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_duration_is_read_as_written(timeout: timedelta) -> None:
    stored, document = StoredType(RecipeDocument), RecipeDocument(name="d", parameters={}, timeout=timeout)
    assert stored.decode(stored.encode(document)) == document


def test_item_of_a_record_has_keys_and_filters_beside_one_text() -> None:
    item = to_instance_model(build_ready_instance(), 3, is_user_write=True).serialize()
    record = json.loads(item.pop("record")["S"])
    assert record["created_at"] == START.isoformat().replace("+00:00", "Z")
    assert ("version" in record, None in record.values()) == (False, False)
    assert {name: next(iter(value)) for name, value in item.items()} == {
        "id": "S",
        "partition": "S",
        "owner": "S",
        "name": "S",
        "created_key": "S",
        "active": "S",
        "ec2_instance_id": "S",
        "user_write": "BOOL",
        "version": "N",
    }


def test_record_of_a_launch_from_before_it_had_tries_is_read() -> None:
    document = json.loads(INSTANCE.encode(build_ready_instance()))
    document["spec"].pop("launch_choice", None)
    document["launch"] = {"attempt_count": 2, "zones_without_capacity": ["us-east-1a"], "zones_in_timeline": []}
    loaded = INSTANCE.decode(json.dumps(document))
    assert loaded.spec.launch_choice is None
    assert (loaded.launch.attempt_count, loaded.launch.tries, loaded.launch.pass_number) == (2, (), 1)


def list_stored_types() -> list[StoredType[Any]]:
    modules = [
        importlib.import_module(each.name) for each in pkgutil.walk_packages(store.__path__, "chalicelib.store.")
    ]
    return [LEFT_OVER, *(value for each in modules for value in vars(each).values() if isinstance(value, StoredType))]


def list_unreadable_fields(value_type: Any, seen: set[Any], default: object = None) -> Iterator[str]:
    """Yield the fields whose value None the store leaves out, and does not read as None."""
    name, arguments = getattr(value_type, "__name__", ""), get_args(value_type)
    if type(None) in arguments and default is not None:
        yield f"{value_type}: its default is not None"
    for argument in arguments:
        yield from list_unreadable_fields(argument, seen, dataclasses.MISSING)
    if not dataclasses.is_dataclass(value_type) or value_type in seen:
        return
    seen.add(value_type)
    hints = get_type_hints(value_type)
    for field in dataclasses.fields(value_type):
        for problem in list_unreadable_fields(hints[field.name], seen, field.default):
            yield f"{name}.{field.name}: {problem}"


def test_every_field_that_can_be_none_is_read_as_none() -> None:
    seen: set[Any] = set()
    stored = list_stored_types()
    assert len(stored) > 10
    assert [problem for each in stored for problem in list_unreadable_fields(each.value_type, seen)] == []
    assert len(seen) > 50
    assert [each.value_type for each in stored if not has_version_default(each.value_type)] == []


def has_version_default(value_type: Any) -> bool:
    """Return whether a value can be read without the version, which is an attribute of its own."""
    return all(field.default is None for field in dataclasses.fields(value_type) if field.name == "version")


@dataclasses.dataclass(frozen=True)
class Unreadable:
    required: int | None
    wrong: str | None = ""
    nested: tuple[int | None, ...] = ()
    fine: Decimal | None = None


def test_check_of_fields_finds_those_that_are_not_read_as_none() -> None:
    problems = list_unreadable_fields(Unreadable, set())
    assert [problem.split(":")[0] for problem in problems] == [
        f"Unreadable.{name}" for name in ("required", "wrong", "nested")
    ]
    with pytest.raises(ValueError, match="Field required"):
        StoredType(Unreadable).decode(StoredType(Unreadable).encode(Unreadable(None)))
