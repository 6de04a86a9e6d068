"""The desk's record of the one instance that a history is of, as the replay makes and moves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.actors import Actor, Role
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instance import Desired, DocumentRun, Ec2State, Instance, Machine, Phase, Setup, Spec
from chalicelib.domain.lifecycle.booting import made_ready
from chalicelib.domain.lifecycle.rules import because, moved
from chalicelib.domain.observation import Ec2View
from chalicelib.domain.recipes import DocumentUse
from tools.replay.policy import Policy

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MACHINE_ID = "i-0123456789abcdef0"
REGION, ZONE, TYPE = "us-east-1", "us-east-1a", "g4dn.xlarge"
RECIPE = "bare"
SOMEBODY = Actor(owner="somebody", role=Role.USER)

THE_SETUP = DocumentUse(name="a document", parameters={}, timeout=timedelta(days=10**6))
"""It takes as long as the history says."""


def started(policy: Policy, at: datetime) -> Instance:
    """A machine that can be used from now on; its life begins, too."""
    return Instance(
        id="gd-replay",
        name="this-one",
        owner=SOMEBODY.owner,
        created_by=SOMEBODY.owner,
        created_at=at,
        spec=Spec(
            desired=Desired.RUNNING,
            instance_type=TYPE,
            region=REGION,
            recipe=RECIPE,
            disk_gib=64,
            gpu_count=1,
            nvidia_gpu_count=1,
            idle_policy=policy.idle,
            max_hours=policy.max_hours,
        ),
        phase=Phase.READY,
        phase_since=at,
        reason=EventReason(code=EventCode.READY, sentence="ready"),
        setup=Setup(recipe=RECIPE),
        machine=Machine(instance_id=MACHINE_ID, zone=ZONE, state=Ec2State.RUNNING, launched_at=at),
        life_began_at=at,
        was_reached=True,
        ready_since=at,
    )


def begun_anew(instance: Instance, at: datetime) -> Instance:
    """Ready once more, without a stop between: the window begins here, the life goes on."""
    return made_ready(replace(instance, setup=Setup(recipe=RECIPE), silent_since=None), "once more", at).instance


def setting_up(instance: Instance, at: datetime) -> Instance:
    run = DocumentRun(attempt_id="-", sent_at=at, called_at=at, command_id="-")
    setup = Setup(recipe=RECIPE, documents=(THE_SETUP,), run=run)
    return replace(
        moved(instance, Phase.SETTING_UP, because(EventCode.SETTING_UP, "it is being set up"), at), setup=setup
    )


RUNNING = Ec2View(
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
