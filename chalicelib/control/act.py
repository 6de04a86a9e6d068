"""Does what a plan says, one call at a time, and says what became of it. Decides nothing."""

from dataclasses import dataclass
from typing import assert_never

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.ssm import Ssm
from chalicelib.control.observe import Observer
from chalicelib.control.resolve import Resolver
from chalicelib.domain.activity.idle import Verdict
from chalicelib.domain.clock import Clock
from chalicelib.domain.errors import CloudError
from chalicelib.domain.instance import Instance
from chalicelib.domain.lifecycle.orders import orders_for
from chalicelib.domain.lifecycle.ready import activity
from chalicelib.domain.lifecycle.rules import running
from chalicelib.domain.observation import Absent, Observation
from chalicelib.domain.plan import (
    AlreadyBaked,
    Called,
    Launch,
    Launched,
    NoLongerIdle,
    Outcome,
    Resolved,
    ResolveLaunch,
    SendDocument,
    Sent,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.store.desk import DeskStore
from chalicelib.store.heartbeats import Heartbeats


@dataclass(frozen=True)
class Executor:
    """The only caller of what changes something at AWS."""

    ec2: Ec2
    ssm: Ssm
    desk: DeskStore
    heartbeats: Heartbeats
    observer: Observer
    resolver: Resolver
    clock: Clock

    def do(self, instance: Instance, step: Step) -> Outcome:
        """Make the call. What AWS refuses is an outcome, too."""
        try:
            return self._do(instance, step)
        except CloudError as error:
            return error

    def _do(self, instance: Instance, step: Step) -> Outcome:
        region = instance.spec.region
        match step:
            case ResolveLaunch(zones_refused):
                return Resolved(self.resolver.attempt(instance, zones_refused))
            case Launch(attempt):
                return Launched(self.ec2.launch(attempt))
            case SendDocument():
                return self._send(instance, step)
            case Start():
                self.ec2.start(region, running(instance).instance_id)
            case Stop():
                return self._stop(instance, step)
            case Terminate():
                self.ec2.terminate(region, running(instance).instance_id)
            case _ as impossible:
                assert_never(impossible)
        return Called()

    def _send(self, instance: Instance, step: SendDocument) -> Outcome:
        """The probe may only update an item that is there, so the item comes first."""
        key = self.observer.key(instance)
        if key:
            self.heartbeats.open(key, orders_for(instance, self.desk.settings()))
        region = instance.spec.region
        content = self.ssm.document_hash(region, step.document)
        if content == step.unless:
            return AlreadyBaked(content)
        return Sent(self.ssm.send(region, running(instance).instance_id, step), content)

    def _stop(self, instance: Instance, step: Stop) -> Outcome:
        key = self.observer.key(instance)
        if step.if_still_idle and key:
            beat = self.heartbeats.read(key)
            seen = Observation(ec2=Absent(), heartbeat=beat.report if beat else None)
            judgement = activity(instance, seen, self.clock.now())
            if judgement.verdict is not Verdict.IDLE:
                return NoLongerIdle(judgement.reason)
        self.ec2.stop(instance.spec.region, running(instance).instance_id, force=step.force)
        return Called()
