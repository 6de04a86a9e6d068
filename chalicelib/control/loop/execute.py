"""Does what a plan says, one call at a time, and says what became of it. Decides nothing."""

from dataclasses import dataclass
from typing import assert_never

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.ssm import Ssm
from chalicelib.control.loop.observe import Observer
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import AwsError
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.instances.lifecycle.orders import build_response
from chalicelib.domain.instances.lifecycle.plans import require_machine
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.plan import (
    CallAccepted,
    CommandSent,
    DocumentAlreadyInstalled,
    InstanceLaunched,
    Launch,
    LaunchResolved,
    NoLongerIdle,
    Outcome,
    ResolveLaunch,
    SendDocument,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.domain.instances.record import Instance
from chalicelib.store.desk import DeskRepository
from chalicelib.store.heartbeats import HeartbeatRepository


@dataclass(frozen=True)
class Executor:
    """The only caller of what changes something at AWS."""

    ec2: Ec2
    ssm: Ssm
    desk: DeskRepository
    heartbeats: HeartbeatRepository
    observer: Observer
    resolver: LaunchResolver
    clock: Clock

    def execute(self, instance: Instance, step: Step) -> Outcome:
        """Make the call. What AWS refuses is an outcome, too."""
        try:
            return self._do(instance, step)
        except AwsError as error:
            return error

    def _do(self, instance: Instance, step: Step) -> Outcome:
        region = instance.spec.region
        match step:
            case ResolveLaunch(zones_refused):
                return LaunchResolved(self.resolver.resolve(instance, zones_refused))
            case Launch(attempt):
                return InstanceLaunched(self.ec2.launch(attempt))
            case SendDocument():
                return self._send(instance, step)
            case Start():
                self.ec2.start(region, require_machine(instance).instance_id)
            case Stop():
                return self._stop(instance, step)
            case Terminate():
                self.ec2.terminate(region, require_machine(instance).instance_id)
            case _ as impossible:
                assert_never(impossible)
        return CallAccepted()

    def _send(self, instance: Instance, step: SendDocument) -> Outcome:
        """The probe may only update an item that is there, so the item comes first."""
        key = self.observer.heartbeat_key(instance)
        if key:
            self.heartbeats.create_if_absent(key, build_response(instance, self.desk.settings()))
        region = instance.spec.region
        content = self.ssm.get_document_hash(region, step.document)
        if content == step.skip_if_hash:
            return DocumentAlreadyInstalled(content)
        return CommandSent(self.ssm.send_command(region, require_machine(instance).instance_id, step), content)

    def _stop(self, instance: Instance, step: Stop) -> Outcome:
        key = self.observer.heartbeat_key(instance)
        if step.if_still_idle and key:
            heartbeat = self.heartbeats.get(key)
            observation = Observation(ec2=NotVisible(), heartbeat=heartbeat.report if heartbeat else None)
            judgement = judge_instance(instance, observation, self.clock.now())
            if judgement.state is not ActivityState.IDLE:
                return NoLongerIdle(judgement.reason)
        self.ec2.stop(instance.spec.region, require_machine(instance).instance_id, force=step.force)
        return CallAccepted()
