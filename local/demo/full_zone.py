"""A zone without capacity in the demo: the launch goes on with the next offer."""

from chalicelib.domain.instances.launch_tries import TryResult
from chalicelib.store.data_files import load_catalog
from local.demo.client import Client
from local.demo.context import DemoContext
from local.demo.poller import StepFailed


def fill_first_zone(context: DemoContext, gpu: str) -> None:
    """Leave no capacity in the zone that a launch of one GPU tries first: that of the first name."""
    region = context.stack.region
    instance_type = load_catalog().find_cheapest(gpu, 1, region).name
    zone = min(context.aws_user.list_zones(instance_type))
    body = {"instance_type": instance_type, "zone": zone, "instances": 0}
    Client(context.stack.cloud_url).post("/_local/capacity", body)
    context.narrator.print_line("simulation", f"EC2 has no {instance_type} left in {zone}.")


def print_tries(context: DemoContext) -> None:
    """Print the offers that the launch has tried, from `status.launch`.

    :raises StepFailed: it did not try the full zone and then another one
    """
    tries = context.poller.get_instance()["status"]["launch"]["tries"]
    for number, each in enumerate(tries, 1):
        offer = f"{each['instance_type']} in {each['zone']}, ${each['price_per_hour']} per hour"
        context.narrator.print_line("gpudesk", f"  Try {number}: {offer}: {each['result']}")
    if [each["result"] for each in tries] != [TryResult.NO_CAPACITY, TryResult.LAUNCHED]:
        raise StepFailed("The launch did not go on from the full zone to the next offer.")
