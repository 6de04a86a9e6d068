"""Provisioning of a local cloud, and the list of its parts that have state."""

import os

from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.settings import Settings
from chalicelib.store.tables import reset_endpoint
from deploy.policies import FUNCTION_ROLES
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.demo.simulated_benchmark import simulate_benchmark
from local.machines.host.simulated import SimulatedMachines
from local.provisioning import REGIONS, provision
from local.settings import build_local_names
from tests.support.documents import get_ssm_name
from tests.support.snapshots import Snapshots

UNCHANGED_ATTRIBUTES = ("_extensions", "_patches")
_PROVISIONED: dict[tuple[str, ...], tuple[bytes, Settings]] = {}
"""State of a provisioned account by the regions of gpudesk, created once per process."""


def build_simulated_machines() -> SimulatedMachines:
    """Return simulated machines with plausible benchmark results."""
    machines = SimulatedMachines()
    machines.simulators[get_ssm_name(BENCHMARK_DOCUMENT)] = simulate_benchmark
    return machines


def list_parts(cloud: LocalCloud) -> tuple[object, ...]:
    """Return the parts of a local cloud that have state, without the machines."""
    candidates = (cloud, cloud.clock, *cloud._extensions, *vars(cloud).values(), cloud.lifecycle)
    by_id = {
        id(part): part for part in candidates if type(part).__module__.startswith("local.aws") or part is cloud.clock
    }
    return tuple(part for part in by_id.values() if type(part) not in (Patches, AwsTiming))


def provision_account(cloud: LocalCloud, regions: tuple[str, ...] = REGIONS) -> Settings:
    """Provision an account, and return gpudesk's settings. Only the first call of a process does the work.

    :param regions: the regions in which gpudesk is set up
    """
    snapshots = Snapshots(
        list_parts(cloud), unchanged_objects=(cloud.machines, cloud.timing), unchanged_attributes=UNCHANGED_ATTRIBUTES
    )
    if regions not in _PROVISIONED:
        settings = provision(regions)
        names = build_local_names(settings.regions)
        for role in FUNCTION_ROLES:
            cloud.roles.open_service_session(names.role(role), names.role(role))
        _PROVISIONED[regions] = (snapshots.take(), settings)
    state, settings = _PROVISIONED[regions]
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    snapshots.restore(state)
    return settings
