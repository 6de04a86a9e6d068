"""The desk's record of the one instance that a history is of, as the replay makes and moves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.lifecycle.booting import to_ready
from chalicelib.domain.instances.lifecycle.plans import because, with_phase
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.record import Ec2State, Instance, Lifetime, Machine, ObservedState, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Policy, Software, Spec
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import DocumentRun, SetupState

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MACHINE_ID = "i-0123456789abcdef0"
REGION, ZONE, TYPE = "us-east-1", "us-east-1a", "g4dn.xlarge"
RECIPE = "bare"
SOMEBODY = Actor(owner="somebody", role=Role.USER)

THE_SETUP = RecipeDocument(name="a document", parameters={}, timeout=timedelta(days=10**6))
"""It takes as long as the history says."""


def started_instance(policy: Policy, at: datetime) -> Instance:
    """A machine that can be used from now on; its life begins, too."""
    return Instance(
        id="gd-replay",
        name="this-one",
        owner=SOMEBODY.owner,
        created_by=SOMEBODY.owner,
        created_at=at,
        spec=Spec(
            desired=DesiredState.RUNNING,
            region=REGION,
            disk_gib=64,
            hardware=Hardware(instance_type=TYPE, gpu_count=1, nvidia_gpu_count=1),
            software=Software(recipe=RECIPE),
            policy=policy,
        ),
        phase=Phase.READY,
        phase_since=at,
        reason=EventReason(code=EventCode.READY, message="ready"),
        setup=SetupState(recipe=RECIPE),
        machine=Machine(instance_id=MACHINE_ID, zone=ZONE, state=Ec2State.RUNNING, launched_at=at),
        ready_since=at,
        lifetime=Lifetime(started_at=at),
        observed=ObservedState(agent_seen=True),
    )


def ready_again(instance: Instance, at: datetime) -> Instance:
    """Ready once more, without a stop between: the window begins here, the life goes on."""
    return to_ready(
        replace(
            instance, setup=SetupState(recipe=RECIPE), observed=replace(instance.observed, activity_unknown_since=None)
        ),
        "once more",
        at,
    ).instance


def setting_up(instance: Instance, at: datetime) -> Instance:
    run = DocumentRun(attempt_id="-", sent_at=at, last_sent_at=at, command_id="-")
    setup = SetupState(recipe=RECIPE, documents=(THE_SETUP,), current_run=run)
    return replace(
        with_phase(instance, Phase.SETTING_UP, because(EventCode.SETTING_UP, "it is being set up"), at), setup=setup
    )


RUNNING = ObservedInstance(
    instance_id=MACHINE_ID,
    desk_id="gd-replay",
    name="this-one",
    owner=SOMEBODY.owner,
    region=REGION,
    zone=ZONE,
    instance_type=TYPE,
    state=Ec2State.RUNNING,
    launched_at=LONG_AGO,
)
