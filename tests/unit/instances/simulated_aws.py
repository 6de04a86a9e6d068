"""EC2 and SSM for one simulated instance: they answer the calls of a plan and show their effects."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.domain.common.aws_errors import InsufficientCapacity
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_tries import OfferKey
from chalicelib.domain.instances.observation import (
    CommandStatus,
    NotVisible,
    Observation,
    ObservedAgent,
    ObservedCommand,
    ObservedInstance,
)
from chalicelib.domain.instances.outcome import CallAccepted, CommandSent, InstanceLaunched, LaunchResolved, Outcome
from chalicelib.domain.instances.plan import (
    ChangeType,
    Launch,
    ResolveLaunch,
    RunHook,
    SendDocument,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.domain.setup.step_output import StepOutput
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID, START, build_launch_attempt, build_ready_instance

ZONES = ("us-east-1a", "us-east-1b")
SECONDS = timedelta(seconds=1)
ADDRESS_PRICE = Decimal("0.005")


@dataclass
class SimulatedAws:
    """EC2 and SSM. The first observation after a call shows its effect.

    :ivar state: state of the EC2 instance; None: it is not launched
    :ivar agent_responds: whether the SSM agent responds while the instance runs
    :ivar faults: outcomes of calls by the type of their step; such a call has no effect
    :ivar document_duration: how long each document runs
    :ivar failures: outputs of the next documents, which fail
    :ivar hook_output: output of a before-stop hook that succeeds
    :ivar failure_details: detailed status that SSM shows of documents that fail
    """

    state: Ec2State | None = Ec2State.RUNNING
    launched_at: datetime = START
    instance_type: str = EC2_RUNNING.instance_type
    agent_responds: bool = True
    faults: dict[type[Step], Outcome] = field(default_factory=dict)
    document_duration: timedelta = 30 * SECONDS
    failures: list[str] = field(default_factory=list)
    hook_output: str = ""
    failure_details: str = "Failed"
    _sent: list[tuple[datetime, str | None]] = field(default_factory=list)
    _attempt_count: int = 0

    def observe(self, now: datetime) -> Observation:
        """Return what EC2 and SSM show now."""
        return Observation(
            ec2=self._observe_instance(),
            agent=self._observe_agent(now),
            command=self._observe_command(now),
        )

    def execute(self, step: Step, now: datetime) -> Outcome:
        """Make a call and return its outcome."""
        if type(step) in self.faults:
            return self.faults[type(step)]
        match step:
            case ResolveLaunch(excluded):
                return self._resolve(excluded)
            case Launch(attempt):
                self.state, self.launched_at = Ec2State.RUNNING, now
                return InstanceLaunched(
                    Ec2Instance(instance_id=INSTANCE_ID, zone=attempt.zone, state=Ec2State.PENDING, launched_at=now)
                )
            case SendDocument() | RunHook():
                self._sent.append((now, self.failures.pop(0) if self.failures else None))
                return CommandSent(f"c-{len(self._sent)}")
            case Start():
                self.state, self.launched_at = Ec2State.RUNNING, now
            case ChangeType(instance_type):
                self.instance_type = instance_type
            case Stop():
                self.state = Ec2State.STOPPED
            case Terminate():
                self.state = Ec2State.TERMINATED
        return CallAccepted()

    def _resolve(self, excluded: tuple[OfferKey, ...]) -> Outcome:
        """Return a launch attempt in the first zone that is not excluded, as the resolver of the control loop does."""
        tried = {key.zone for key in excluded}
        zones = [zone for zone in ZONES if zone not in tried]
        if not zones:
            return InsufficientCapacity("NoOfferLeft", "Every zone is excluded.")
        self._attempt_count += 1
        return build_resolved_launch(build_launch_attempt(number=self._attempt_count, zone=zones[0]))

    def _observe_instance(self) -> ObservedInstance | NotVisible:
        if self.state is None:
            return NotVisible()
        return replace(EC2_RUNNING, state=self.state, launched_at=self.launched_at, instance_type=self.instance_type)

    def _observe_agent(self, now: datetime) -> ObservedAgent | NotVisible:
        responds = self.agent_responds and self.state is Ec2State.RUNNING
        return ObservedAgent(online=True, last_ping_at=now) if responds else NotVisible()

    def _observe_command(self, now: datetime) -> ObservedCommand | NotVisible:
        """Return the state of the last command."""
        if not self._sent:
            return NotVisible()
        sent_at, failure = self._sent[-1]
        if now - sent_at < self.document_duration:
            status = CommandStatus.RUNNING
        else:
            status = CommandStatus.SUCCEEDED if failure is None else CommandStatus.FAILED
        step = StepOutput(
            name="install",
            status="Success" if failure is None else "Failed",
            exit_code=0 if failure is None else 1,
            output=failure or self.hook_output,
        )
        details = self.failure_details if status is CommandStatus.FAILED else str(status)
        return ObservedCommand(command_id=f"c-{len(self._sent)}", status=status, status_details=details, steps=(step,))


def build_resolved_launch(attempt: LaunchAttempt, address_price: Decimal = ADDRESS_PRICE) -> LaunchResolved:
    """Return the outcome of a look-up: the attempt with the hardware and the prices of a g4dn.xlarge."""
    rates = Rates(instance=Decimal("0.526"), disk=Decimal("0.007"), address=address_price)
    return LaunchResolved(attempt, build_ready_instance().spec.hardware, rates)
