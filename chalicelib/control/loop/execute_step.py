"""Execute the step of a plan: one call to AWS and its outcome. Nothing is decided here."""

from dataclasses import dataclass, replace
from typing import assert_never

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.ssm import Ssm
from chalicelib.control.loop.launch_memory import (
    LaunchMemory,
    RememberedParameters,
    RememberedPrerequisites,
    RememberedRecords,
    RememberingExecutor,
)
from chalicelib.control.loop.mover import Mover
from chalicelib.control.loop.observe_instance import Observer
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.control.loop.step_executor import StepExecutor
from chalicelib.control.size_finder import SizeFinder
from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response
from chalicelib.domain.instances.lifecycle.plans import require_ec2_instance
from chalicelib.domain.instances.lifecycle.quota_retries import VCPU_CODES
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.outcome import (
    CallAccepted,
    CommandSent,
    DocumentAlreadyInstalled,
    InstanceLaunched,
    NoLongerIdle,
    Outcome,
)
from chalicelib.domain.instances.plan import (
    CancelSpotRequest,
    ChangeType,
    Launch,
    Move,
    ResolveLaunch,
    RunHook,
    SendDocument,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import SpotRequestKey
from chalicelib.domain.instances.start_state import StartBeyondQuota, StartWithoutCapacity
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True)
class Executor:
    """The only object that changes EC2 instances and runs documents on them."""

    stores: Repositories
    ec2: Ec2
    ssm: Ssm
    observer: Observer
    resolver: LaunchResolver
    clock: Clock
    sizes: SizeFinder
    mover: Mover

    def execute(self, instance: Instance, step: Step) -> Outcome:
        """Make the call and return its outcome. An AWS error is an outcome, too."""
        try:
            return self._execute(instance, step)
        except AwsError as error:
            return error

    def add_memory(self) -> StepExecutor:
        """Return an executor for one sweep, which makes no call again that cannot have another outcome."""
        memory = LaunchMemory()
        selector = self.resolver.selector
        resolver = replace(
            self.resolver,
            selector=replace(selector, instances=RememberedRecords(selector.instances, memory)),
            prerequisites=RememberedPrerequisites(self.resolver.prerequisites, memory),
            parameters=RememberedParameters(self.resolver.parameters, memory),
        )
        return RememberingExecutor(replace(self, resolver=resolver), memory, forgetful=self)

    def _execute(self, instance: Instance, step: Step) -> Outcome:
        match step:
            case ResolveLaunch(excluded):
                return self.resolver.resolve(instance, excluded)
            case Launch(attempt):
                return InstanceLaunched(self.ec2.launch(attempt))
            case SendDocument():
                return self._send_document(instance, step)
            case RunHook():
                return self._run_hook(instance, step)
            case Stop():
                return self._stop(instance, step)
            case _:
                self._call(instance, step)
        return CallAccepted()

    def _call(self, instance: Instance, step: Start | ChangeType | Move | CancelSpotRequest | Terminate) -> None:
        """Make a call whose effect only the next observation shows."""
        region = instance.spec.region
        match step:
            case Start():
                self._start(instance)
            case ChangeType(instance_type):
                self.ec2.change_type(region, require_ec2_instance(instance).instance_id, instance_type)
            case Move(_, call):
                self.mover.call(instance, call)
            case CancelSpotRequest(request):
                self._cancel_spot_request(instance, request)
            case Terminate():
                self.ec2.terminate(region, require_ec2_instance(instance).instance_id)
            case _ as impossible:
                assert_never(impossible)

    def _send_document(self, instance: Instance, step: SendDocument) -> Outcome:
        """Run a document, unless it is already installed in the same version.

        The probe may only update an existing heartbeat item, so the item is created first.
        """
        key = self.observer.get_heartbeat_key(instance)
        if key:
            self.stores.heartbeats.create_if_absent(key, build_response(instance, self.stores.desk.get_settings()))
        region = instance.spec.region
        document_hash = self.ssm.get_document_hash(region, step.document)
        if document_hash == step.skip_if_hash:
            return DocumentAlreadyInstalled(document_hash)
        return CommandSent(
            self.ssm.send_command(region, require_ec2_instance(instance).instance_id, step), document_hash
        )

    def _start(self, instance: Instance) -> None:
        """Start the instance.

        :raises StartWithoutCapacity: its zone has none; the error knows the other sizes that may start there
        :raises StartBeyondQuota: a quota in vCPUs does not allow it; the error knows the figures of the quota
        """
        try:
            self.ec2.start(instance.spec.region, require_ec2_instance(instance).instance_id)
        except InsufficientCapacity as error:
            raise StartWithoutCapacity(error.code, error.message, self.sizes.find_other_sizes(instance)) from error
        except QuotaExceeded as error:
            if error.code not in VCPU_CODES:
                raise
            figures = self.observer.quotas.describe_refused_start(instance)
            raise StartBeyondQuota(error.code, error.message, figures) from error

    def _cancel_spot_request(self, instance: Instance, request: SpotRequestKey) -> None:
        """Cancel the spot request of an EC2 instance, if EC2 shows one."""
        requests, request_id = self.observer.spot_requests, request.request_id
        if request_id is None:
            found = requests.find(request, instance.tag_id)
            request_id = found.request_id if found and found.is_live else None
        if request_id is not None:
            requests.cancel(request.region, [request_id])

    def _run_hook(self, instance: Instance, step: RunHook) -> Outcome:
        """Send the hook of a stop. Before an idle stop, read the heartbeat once more."""
        active = self._find_activity(instance) if step.if_still_idle else None
        if active:
            return active
        ec2_id = require_ec2_instance(instance).instance_id
        return CommandSent(self.ssm.send_command(instance.spec.region, ec2_id, step.document))

    def _stop(self, instance: Instance, step: Stop) -> Outcome:
        """Stop the instance. Before an idle stop, read the heartbeat once more."""
        active = self._find_activity(instance) if step.if_still_idle else None
        if active:
            return active
        self.ec2.stop(instance.spec.region, require_ec2_instance(instance).instance_id, force=step.force)
        return CallAccepted()

    def _find_activity(self, instance: Instance) -> NoLongerIdle | None:
        """Return why the instance is no longer idle by its newest heartbeat; None if it is."""
        key = self.observer.get_heartbeat_key(instance)
        if key is None:
            return None
        heartbeat = self.stores.heartbeats.get(key)
        observation = Observation(ec2=NotVisible(), heartbeat=heartbeat.report if heartbeat else None)
        judgment = judge_instance(instance, observation, self.clock.now())
        return None if judgment.state is ActivityState.IDLE else NoLongerIdle(judgment.reason)
