"""The refusal of a launch that exceeds a quota."""

from dataclasses import replace

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.launch.quota_excess import QuotaExcess, choose_cpu_type
from chalicelib.domain.offers.headroom import Quota, find_headroom
from chalicelib.store.data_files import load_catalog, load_packaged_recipes
from tests.unit.instances.simulation import build_requested_instance

CATALOG, RECIPES = load_catalog(), load_packaged_recipes()
SPEC = replace(build_requested_instance().spec, region="us-east-1", hardware=build_hardware("g4dn.xlarge", CATALOG))
QUOTA = find_headroom(Quota("L-DB2E81BA", 6), 4, 4)


def has_room(_: InstanceType) -> bool:
    return True


def test_refusal_has_the_figures_and_every_choice_as_data() -> None:
    conflict = QuotaExcess(SPEC, QUOTA, CATALOG.get_type("m7i.xlarge")).build_conflict()
    assert conflict.message.startswith(
        "Quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1: 6 vCPUs, 4 in use; g4dn.xlarge needs 4."
    )
    assert "Meanwhile you can launch m7i.xlarge, which has no GPU." in conflict.message
    assert conflict.members["quota"] == {
        "code": "L-DB2E81BA",
        "name": "Running On-Demand G and VT instances",
        "region": "us-east-1",
        "limit": 6,
        "use": 4,
        "free": 2,
        "need": 4,
    }
    choices = conflict.members["choices"]
    assert isinstance(choices, list)
    assert [(choice["kind"], choice["path"], choice["body"]) for choice in choices] == [
        ("request_increase", "/quotas/L-DB2E81BA/increase", {"region": "us-east-1", "value": 8}),
        ("wait", "/instances", {"wait_for_quota": True}),
        ("cpu_type", "/instances", {"instance_type": "m7i.xlarge", "region": "us-east-1"}),
    ]


def test_warning_of_a_launch_that_waits_says_whether_the_quotas_of_other_offers_do() -> None:
    spec = replace(SPEC, wait_for_quota=True)
    warning = QuotaExcess(spec, QUOTA, None).find_warning()
    assert warning is not None
    assert warning.message.endswith("gpudesk launches it when the quota suffices.")
    choice = LaunchChoice(instance_type="g4dn.xlarge", region="us-east-1", is_region_fixed=False)
    warning = QuotaExcess(replace(spec, launch_choice=choice), QUOTA, None).find_warning()
    assert warning is not None
    assert "when the quota of any of its offers suffices." in warning.message


def test_cpu_type_has_the_architecture_and_the_vcpus_and_the_recipe_runs_on_it() -> None:
    chosen = choose_cpu_type(SPEC, RECIPES["bare"], CATALOG, has_room)
    assert (chosen and chosen.name, chosen and chosen.arch) == ("m7i.xlarge", "x86_64")
    large = replace(SPEC, hardware=build_hardware("g4dn.12xlarge", CATALOG))
    chosen = choose_cpu_type(large, RECIPES["bare"], CATALOG, has_room)
    assert chosen
    assert chosen.name == "c7i.2xlarge"
    assert choose_cpu_type(SPEC, RECIPES["bare"], CATALOG, lambda _: False) is None
