"""Record of the replayed instance, and its changes by the events of a history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle.booting import to_ready
from chalicelib.domain.instances.lifecycle.plans import with_phase
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Policy, Software, Spec
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import DocumentRun, SetupState

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MACHINE_ID = "i-0123456789abcdef0"
REGION, ZONE, TYPE = "us-east-1", "us-east-1a", "g4dn.xlarge"
RECIPE = "bare"
NAME = "the instance"
"""A history does not contain the name of its instance."""

USER = Actor(owner="somebody", role=Role.USER)

SETUP_DOCUMENT = RecipeDocument(name="a document", parameters={}, timeout=timedelta(days=10**6))
"""Document without a timeout, which runs until the history says that it has ended."""


def build_ready_instance(policy: Policy, at: datetime) -> Instance:
    """Return an instance that has become ready. Its lifetime starts at `at`."""
    return Instance(
        id="gd-replay",
        name=NAME,
        owner=USER.owner,
        created_by=USER.owner,
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
        reason=EventReason(code=EventCode.READY, message="The instance is ready."),
        setup=SetupState(recipe=RECIPE),
        ec2_instance=Ec2Instance(instance_id=MACHINE_ID, zone=ZONE, state=Ec2State.RUNNING, launched_at=at),
        ready_since=at,
        lifetime=Lifetime(started_at=at),
        observed=ObservedState(agent_seen=True),
    )


def restart_window(instance: Instance, at: datetime) -> Instance:
    """Return the instance as ready again without a stop. Its idle window restarts, and its lifetime continues."""
    return to_ready(
        replace(
            instance, setup=SetupState(recipe=RECIPE), observed=replace(instance.observed, activity_unknown_since=None)
        ),
        "once more",
        at,
        Mode.ENFORCE,
    ).instance


def start_setup(instance: Instance, at: datetime) -> Instance:
    """Return the instance with a running setup."""
    run = DocumentRun(attempt_id="-", sent_at=at, last_sent_at=at, command_id="-")
    setup = SetupState(recipe=RECIPE, documents=(SETUP_DOCUMENT,), current_run=run)
    reason = EventReason(code=EventCode.SETTING_UP, message="The instance is being set up.")
    return replace(with_phase(instance, Phase.SETTING_UP, reason, at), setup=setup)


OBSERVED_INSTANCE = ObservedInstance(
    instance_id=MACHINE_ID,
    tag_id="gd-replay",
    name=NAME,
    owner=USER.owner,
    region=REGION,
    zone=ZONE,
    instance_type=TYPE,
    state=Ec2State.RUNNING,
    launched_at=LONG_AGO,
)
