"""A type that AWS adds: refused, then read by the schedule, then offered and launched. No release is needed."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

import app as application
from chalicelib import bootstrap
from chalicelib.domain.catalog.reading import CatalogReading, TypePrices
from chalicelib.store.catalog import CatalogRepository
from chalicelib.store.data_files import load_catalog
from local.aws.ec2.added_types import NewType
from local.aws.iam.attribution import act_as
from local.function_roles import find_role
from local.provisioning import REGIONS
from local.settings import build_local_names
from tests.api.client import Bench
from tests.api.test_event_handlers import load_event

NEW = NewType(name="g9.xlarge", like="g5.xlarge", gpu="L9", usd_per_hour=Decimal("0.9"))
SEARCH = f"/offers?instance_type={NEW.name}&region=us-east-1&market=on-demand"


@pytest.fixture
def with_new_type(bench: Bench) -> Iterator[Bench]:
    bench.world.cloud.added_types.add(NEW)
    # The prices of all other types were read a minute ago. Otherwise reading them would take most of the time.
    prices = TypePrices(read_at=bench.world.now)
    CatalogRepository().save(CatalogReading(prices=dict.fromkeys(load_catalog().types, prices)))
    yield bench
    bootstrap.set_application(bench.world.application)


def refresh(bench: Bench) -> None:
    """Call the functions as EventBridge does, then let processes find the new catalog."""
    event = load_event("scheduled")
    application.refresh_catalog(event, None)
    bench.world.clock.advance(timedelta(minutes=10))
    with act_as(find_role(build_local_names(REGIONS), "refresh_offers")):
        application.refresh_offers(event, None)


def test_type_that_aws_adds_is_refused_then_refreshed_then_offered_and_launched(with_new_type: Bench) -> None:
    bench = with_new_type
    refused = bench.ada("POST", "/instances", {"instance_type": NEW.name})
    assert refused.status == 422
    assert refused.field_errors["instance_type"].startswith("Unknown instance type 'g9.xlarge'.")
    refresh(bench)

    answer = bench.ada("GET", SEARCH).json
    offer = answer["items"][0]
    assert (offer["gpu"], offer["price_per_hour"], offer["price_source"]) == ("L9", "0.9", "pricing_api")
    assert (offer["price_stale"], offer["quota"]["code"]) == (False, "L-DB2E81BA")
    assert answer["left_out"] == []
    statuses = {each["region"]: each["opt_in_status"] for each in bench.ada("GET", "/regions?limit=100").json["items"]}
    assert (statuses["us-east-1"], statuses["ap-east-1"]) == ("opt-in-not-required", "not-opted-in")

    bounded = bench.ada("POST", "/instances", {"instance_type": NEW.name, "recipe": "d2l-mxnet"})
    assert bounded.status == 422, "a recipe that bounds the compute capability refuses an unknown one"
    launched = bench.ada("POST", "/instances", {"instance_type": NEW.name, "recipe": "bare"})
    assert launched.status == 202, launched.json
    name = launched.json["id"]
    bench.world.application.reconciler.reconcile(name)
    reason = bench.ada("GET", f"/instances/{name}").json["reason"]
    assert reason["code"] == "retrying", "a process of the control loop that has not read the new catalog waits"
    bench.world.clock.advance(timedelta(minutes=1))
    application.sweep(load_event("scheduled"), None)
    status = bench.ada("GET", f"/instances/{name}").json["status"]
    ec2 = bench.world.ec2.describe_instances(InstanceIds=[status["instance_id"]])
    assert ec2["Reservations"][0]["Instances"][0]["InstanceType"] == NEW.name
