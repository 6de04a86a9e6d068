"""Spot instances on the local cloud: launch, fallback, termination, and both outcomes of an interruption."""

from datetime import timedelta
from decimal import Decimal

import app
from chalicelib import bootstrap
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from tests.support.world import ADA, World, get_ec2_id

ZONES = tuple(f"us-east-1{letter}" for letter in "abcdef")


def interrupt(
    desk: World, instance: Instance, *, wins_over_stop: bool = False, returns_after: timedelta | None = None
) -> None:
    """Interrupt an instance, and deliver the warning of EventBridge."""
    position = len(desk.cloud.log.read_since(0))
    desk.cloud.interrupt(get_ec2_id(instance), wins_over_stop=wins_over_stop, returns_after=returns_after)
    bootstrap.set_application(desk.application)
    for event in desk.cloud.log.read_since(position):
        app.on_spot_interruption(dict(event), None)
    bootstrap.set_application(None)


def save_spot_price(desk: World, price: Decimal) -> None:
    """Store a reading of the offers with one price in all zones."""
    offering = TypeOffering(spot=dict.fromkeys(ZONES, price))
    reading = RegionOfferings(region="us-east-1", read_at=desk.clock.now(), types={"g4dn.xlarge": offering})
    desk.application.reconciler.stores.offers.save(reading)


def remove_spot_capacity(desk: World) -> None:
    """Let EC2 launch and start nothing on spot."""
    for zone in ZONES:
        desk.cloud.capacity.set("g4dn.xlarge", zone, 0, "spot")


def get_request_state(desk: World, record_id: str) -> str:
    """Return the state of the one spot request of a record."""
    tags = [{"Name": "tag:gpudesk:id", "Values": [record_id]}]
    (request,) = desk.ec2.describe_spot_instance_requests(Filters=tags)["SpotInstanceRequests"]  # type: ignore[arg-type]
    return str(request["State"])


def test_spot_launch_costs_the_spot_price_and_its_end_leaves_no_request(desk: World) -> None:
    save_spot_price(desk, Decimal("0.2"))
    instance = desk.wait_for_phase(desk.launch(market="spot"), Phase.READY)
    rates, ec2_instance = instance.billing.rates, instance.ec2_instance
    assert ec2_instance is not None
    assert (ec2_instance.market, get_request_state(desk, instance.id)) == (Market.SPOT, "active")
    assert (rates.instance, rates.on_demand) == (Decimal("0.2"), Decimal("0.526"))
    save_spot_price(desk, Decimal("0.3"))
    desk.pass_minutes(1)
    assert desk.load(instance).billing.rates.instance == Decimal("0.3")
    desk.application.instances.terminate(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.TERMINATED)
    assert get_request_state(desk, instance.id) == "cancelled"
    desk.pass_minutes(3)
    assert desk.list_ec2_ids() == [], "EC2 launched another instance for the request"


def test_launch_falls_back_to_on_demand_without_spot_capacity(desk: World) -> None:
    remove_spot_capacity(desk)
    instance = desk.wait_for_phase(desk.launch(market="spot-or-on-demand"), Phase.BOOTING)
    assert instance.ec2_instance is not None
    assert (instance.ec2_instance.market, instance.spec.market) == (Market.ON_DEMAND, Market.ON_DEMAND)
    assert EventCode.MARKET_CHANGED in desk.list_codes(instance)


def test_instance_that_gpudesk_stopped_at_the_warning_can_be_started(desk: World) -> None:
    instance = desk.launch_until_ready(market="spot")
    interrupt(desk, instance)
    assert desk.load(instance).phase is Phase.STOPPING
    stopped = desk.wait_for_phase(instance, Phase.STOPPED)
    assert (get_request_state(desk, instance.id), stopped.observed.interruption) == ("disabled", None)
    desk.application.instances.start(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.READY)


def test_interrupted_instance_that_ec2_starts_again_is_stopped_and_can_then_be_started(desk: World) -> None:
    instance = desk.launch_until_ready(market="spot")
    interrupt(desk, instance, wins_over_stop=True, returns_after=timedelta(minutes=3))
    stopped = desk.wait_for_phase(instance, Phase.STOPPED)
    assert get_request_state(desk, instance.id) == "open"
    assert stopped.reason.code == EventCode.SPOT_INTERRUPTED
    desk.wait_for_phase(instance, Phase.STOPPING)
    desk.wait_for_phase(instance, Phase.STOPPED)
    assert get_request_state(desk, instance.id) == "disabled"
    desk.application.instances.start(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.READY)


def test_start_of_an_interrupted_instance_waits_until_ec2_starts_it(desk: World) -> None:
    instance = desk.launch_until_ready(market="spot")
    interrupt(desk, instance, wins_over_stop=True, returns_after=timedelta(minutes=6))
    desk.wait_for_phase(instance, Phase.STOPPED)
    calls = desk.cloud.calls.copy()
    desk.application.instances.start(ADA, instance.id)
    desk.pass_minutes(2)
    assert desk.load(instance).reason.code == EventCode.SPOT_WAITING
    desk.wait_for_phase(instance, Phase.READY)
    assert "ec2:StartInstances" not in desk.cloud.count_calls_since(calls)


def test_instance_that_may_return_keeps_its_desired_state(desk: World) -> None:
    instance = desk.launch_until_ready(market="spot", resume_after_interruption=True)
    calls = desk.cloud.calls.copy()
    interrupt(desk, instance, returns_after=timedelta(minutes=2))
    stopped = desk.wait_for_phase(instance, Phase.STOPPED)
    assert stopped.spec.desired is DesiredState.RUNNING
    desk.wait_for_phase(instance, Phase.READY)
    assert {"ec2:StopInstances", "ec2:StartInstances"}.isdisjoint(desk.cloud.count_calls_since(calls))
    assert EventCode.SPOT_RESUMED in desk.list_codes(instance)


def test_request_of_an_instance_that_somebody_terminated_is_cancelled_at_once(desk: World) -> None:
    instance = desk.launch_until_ready(market="spot")
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    desk.pass_minutes(3)
    assert (desk.load(instance).phase, get_request_state(desk, instance.id)) == (Phase.TERMINATED, "cancelled")
    assert desk.list_ec2_ids() == []


def test_sweep_cancels_a_request_only_when_it_has_no_instance(desk: World) -> None:
    tags = [{"Key": "gpudesk:id", "Value": "gd-lost"}, {"Key": "gpudesk:stage", "Value": "dev"}]
    launched = desk.ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        ImageId=desk.get_public_image(),
        InstanceType="g4dn.xlarge",
        InstanceMarketOptions={
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"},
        },
        TagSpecifications=[{"ResourceType": "spot-instances-request", "Tags": tags}],  # type: ignore[list-item, misc]
    )["Instances"][0]
    desk.pass_minutes(20, sweep_every=10)
    assert get_request_state(desk, "gd-lost") == "active", "its instance exists"
    desk.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    remove_spot_capacity(desk)
    desk.pass_minutes(20, sweep_every=10)
    assert get_request_state(desk, "gd-lost") == "cancelled"
