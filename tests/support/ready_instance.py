"""One ready instance of ada with its EC2 instance, and a launch attempt for it, for tests of decisions."""

from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Policy, Software, Spec
from chalicelib.domain.setup.state import SetupState

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = Actor(owner="ada", role=Role.USER)
POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)
INSTANCE_ID = "i-0123456789abcdef0"
EC2_RUNNING = ObservedInstance(
    instance_id=INSTANCE_ID,
    tag_id="gd-1",
    name="n",
    owner="ada",
    region="us-east-1",
    zone="us-east-1a",
    instance_type="g4dn.xlarge",
    state=Ec2State.RUNNING,
    launched_at=START,
)


def build_ready_instance(max_hours: int = 72) -> Instance:
    """Return an instance that has been ready since `START`."""
    return Instance(
        id="gd-1",
        name="n",
        owner="ada",
        created_by="ada",
        created_at=START,
        spec=Spec(
            desired=DesiredState.RUNNING,
            region="us-east-1",
            disk_gib=64,
            hardware=Hardware(instance_type="g4dn.xlarge", gpu="T4", gpu_count=1, nvidia_gpu_count=1),
            software=Software(recipe="jupyter"),
            policy=Policy(idle=POLICY, max_hours=max_hours),
        ),
        phase=Phase.READY,
        phase_since=START,
        reason=EventReason(code=EventCode.READY, message="ready"),
        setup=SetupState(recipe="jupyter"),
        ec2_instance=Ec2Instance(instance_id=INSTANCE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START),
        ready_since=START,
        lifetime=Lifetime(started_at=START),
    )


def build_launch_attempt(number: int = 1, zone: str = "us-east-1a") -> LaunchAttempt:
    """Return a complete launch attempt that was not sent."""
    return LaunchAttempt(
        number=number,
        token=f"token-{number}",
        region="us-east-1",
        zone=zone,
        subnet_id="subnet-1",
        security_group_id="sg-1",
        image_id="ami-1",
        root_device="/dev/sda1",
        disk_gib=64,
        instance_type="g4dn.xlarge",
        instance_profile="gpudesk-instance",
        public_address=True,
        tags={},
    )
