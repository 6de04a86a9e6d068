"""An instance type that was changed outside gpudesk: the type that EC2 shows counts."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import SetupState
from tests.support.ready_instance import EC2_RUNNING, MINUTE
from tests.unit.instances.simulation import build_context, build_instance, get_time

RATES = Rates(instance=Decimal("0.526"), disk=Decimal("0.01"), address=Decimal("0.005"))
PROBE = RecipeDocument(name="gpudesk-probe", parameters={"gpuCount": "${gpu_count}"}, timeout=10 * MINUTE)
JUPYTER = RecipeDocument(name="gpudesk-jupyter", parameters={}, timeout=10 * MINUTE)
SET_UP = SetupState(recipe="jupyter", documents=(PROBE, JUPYTER), document_index=2, interruptions=2)


def change_type(instance_type: str, phase: Phase = Phase.STOPPED) -> Plan:
    """Decide for an instance that EC2 shows with another type."""
    instance = replace(build_instance(), phase=phase, billing=Billing(rates=RATES), setup=SET_UP)
    state = Ec2State.STOPPED if phase is Phase.STOPPED else Ec2State.RUNNING
    observed = replace(EC2_RUNNING, state=state, instance_type=instance_type)
    context = build_context()
    return decide(instance, Observation(ec2=observed), get_time(5), context)


def test_observed_type_counts_for_gpus_and_price_and_is_notified_once() -> None:
    plan = change_type("g4dn.12xlarge")
    assert [entry.code for entry in plan.timeline] == [EventCode.TYPE_CHANGED]
    hardware, rates = plan.instance.spec.hardware, plan.instance.billing.rates
    assert (hardware.instance_type, hardware.gpu_count, hardware.nvidia_gpu_count) == ("g4dn.12xlarge", 4, 4)
    assert (rates.instance, rates.disk, rates.address) == (Decimal("3.912"), RATES.disk, RATES.address)
    context = build_context()
    observed = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED, instance_type="g4dn.12xlarge"))
    later = decide(plan.instance, observed, get_time(6), context)
    assert EventCode.TYPE_CHANGED not in [entry.code for entry in later.timeline]


@pytest.mark.parametrize(
    ("instance_type", "nvidia_gpu_count"),
    [("g6f.large", 1), ("p6e-gb200.72xlarge", None), ("g4ad.xlarge", 0), ("t3.large", 0), ("m99.large", None)],
    ids=["a slice", "a number that AWS does not publish", "a Radeon", "no GPU", "an unknown type"],
)
def test_type_without_an_nvidia_gpu_is_one_only_if_that_is_known(
    instance_type: str, nvidia_gpu_count: int | None
) -> None:
    assert change_type(instance_type).instance.spec.hardware.nvidia_gpu_count == nvidia_gpu_count


def test_type_without_a_price_does_not_cost_what_the_former_type_costs() -> None:
    rates = change_type("m99.large").instance.billing.rates
    assert (rates.instance, rates.disk) == (None, RATES.disk)


@pytest.mark.parametrize(
    ("instance_type", "phase", "documents", "words"),
    [
        ("g4dn.12xlarge", Phase.STOPPED, (PROBE,), "Its probe is set up for them at the next start."),
        ("g4dn.12xlarge", Phase.READY, (PROBE, JUPYTER), "Run its setup again, so that the probe expects them."),
        ("g4dn.2xlarge", Phase.STOPPED, (PROBE, JUPYTER), "gpudesk expects 1 NVIDIA GPU on it."),
        (
            "m99.large",
            Phase.STOPPED,
            (PROBE, JUPYTER),
            "gpudesk knows no price of m99.large: AWS bills its hours, and all costs in gpudesk leave them out. "
            "gpudesk does not know how many GPUs m99.large has. While the probe reads no GPU on it, it is not stopped "
            "for idleness: only the end of its lifetime stops it, 72 hours after its start (max_hours).",
        ),
    ],
)
def test_documents_that_depend_on_the_gpus_run_again_at_the_next_start(
    instance_type: str, phase: Phase, documents: tuple[RecipeDocument, ...], words: str
) -> None:
    plan = change_type(instance_type, phase)
    assert plan.instance.setup.documents == documents
    assert plan.instance.setup.is_done == (len(documents) == 2)
    assert plan.instance.setup.interruptions == (2 if plan.instance.setup.is_done else 0), "of this setup only"
    assert words in plan.timeline[0].message
