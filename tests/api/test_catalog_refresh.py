"""A type that AWS adds is offered and launched without a release, and processes that live find the new catalog."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

import app as application
from chalicelib import bootstrap
from chalicelib.aws.catalog import CatalogSource
from chalicelib.aws.clients import LOOP_CONFIG, Clients, SdkSession
from chalicelib.domain.catalog.reading import CatalogReading, RegionTypes, TypePrices
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.store.catalog import CatalogRepository
from chalicelib.store.data_files import load_catalog
from chalicelib.store.offers import OfferModel
from local.aws.ec2.added_types import NewType
from local.aws.iam.attribution import act_as
from local.function_roles import find_role
from local.provisioning import REGIONS
from local.settings import build_local_names
from tests.api.client import Bench
from tests.api.test_event_handlers import load_event
from tests.support.world import MINUTE, World
from tests.unit.catalog.test_refresh import describe

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


@pytest.fixture
def world(bench: Bench) -> World:
    """A world without a stored catalog. Its application has not looked for one yet."""
    bootstrap.set_application(bench.world.application.rebuild(CatalogReading()))
    return bench.world


def store_new_type(world: World) -> None:
    reading = CatalogReading(
        types={NEW.name: describe(NEW.name, "L9")},
        prices={NEW.name: TypePrices(read_at=world.now, by_region={"us-east-1": Decimal("0.9")})},
        regions={"us-east-1": RegionTypes(read_at=world.now, offered=(NEW.name,))},
    )
    CatalogRepository().save(reading)


def has_new_type() -> bool:
    return NEW.name in bootstrap.get_current_application().offers.catalog.types


def test_process_that_lives_uses_a_new_catalog_after_ten_minutes_without_a_read_before(world: World) -> None:
    assert not has_new_type()
    store_new_type(world)
    world.clock.advance(10 * MINUTE - timedelta(seconds=1))
    before = world.cloud.calls["dynamodb:GetItem"]
    assert not has_new_type()
    assert world.cloud.calls["dynamodb:GetItem"] == before
    world.clock.advance(timedelta(seconds=1))
    assert has_new_type()
    assert has_new_type()
    assert world.cloud.calls["dynamodb:GetItem"] == before + 1


def test_control_loop_uses_a_new_catalog_after_a_minute(world: World) -> None:
    assert not has_new_type()
    store_new_type(world)
    world.clock.advance(MINUTE)
    assert NEW.name in bootstrap.get_current_application(MINUTE).sweep.reconciler.catalog.types


def test_catalog_that_has_not_changed_builds_no_new_application(world: World) -> None:
    store_new_type(world)
    application = bootstrap.get_current_application()
    world.clock.advance(10 * MINUTE)
    assert bootstrap.get_current_application() is application


def test_process_keeps_its_catalog_while_the_stored_one_cannot_be_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    store_new_type(world)
    assert has_new_type()
    world.clock.advance(10 * MINUTE)
    world.cloud.faults.inject("GetItem", "InternalServerError", status=500)
    with caplog.at_level(logging.ERROR):
        assert has_new_type()
    assert "The refreshed catalog could not be read" in caplog.text
    OfferModel("catalog", catalog=b"?").save()
    world.clock.advance(MINUTE)
    assert has_new_type()
    assert "the catalog's refresh cannot be read" in caplog.text


def test_source_reads_types_prices_and_regions_of_the_local_cloud(world: World) -> None:
    real = CatalogSource(Clients(LOOP_CONFIG, SdkSession()))
    types = real.read_types("us-east-1", {"t3.large"})
    assert types["t3.large"].facts.gpu_count == 0
    assert (types["g4dn.xlarge"].facts.gpu, types["g4dn.xlarge"].gpu_maker) == ("T4", "NVIDIA")
    assert not {"t3.small", "dl1.24xlarge"} & types.keys(), "no type without GPU, and no Gaudi"
    assert real.read_prices("g4dn.xlarge")["us-east-1"] == Decimal("0.526")
    assert real.read_opt_ins("us-east-1")["ap-east-1"] == "not-opted-in"
    world.cloud.faults.inject("GetProducts", "ThrottlingException", status=400)
    with pytest.raises(AwsError, match="ThrottlingException"):
        real.read_prices("g4dn.xlarge")
