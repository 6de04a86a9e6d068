"""Instances in the states from which notified events arise, and observations of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.observation import (
    CommandStatus,
    ObservedCommand,
    ObservedInstance,
)
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import DocumentRun, SetupState
from chalicelib.domain.setup.step_output import StepOutput
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID, MINUTE, START, build_ready_instance

NAME = "famous-bunting"
NOW = START + timedelta(hours=1)


def build_instance(**changes: Any) -> Instance:
    """Return an instance that has been ready for an hour."""
    ec2_instance = Ec2Instance(instance_id=INSTANCE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START)
    facts: dict[str, Any] = {
        "ec2_instance": ec2_instance,
        "observed": ObservedState(boot_id="boot-1", agent_seen=True),
        "billing": Billing(rates=Rates(instance=Decimal("0.526"), disk=Decimal("0.007"), address=Decimal("0.005"))),
        **changes,
    }
    return replace(build_ready_instance(), name=NAME, **facts)


def build_launching_instance(**changes: Any) -> Instance:
    """Return an instance that EC2 has not launched yet."""
    return build_instance(
        **{
            "phase": Phase.LAUNCHING,
            "ec2_instance": None,
            "lifetime": Lifetime(),
            "observed": ObservedState(boot_id="boot-1"),
            **changes,
        }
    )


def build_claimed_instance(action: ClaimAction, minutes: int, **changes: Any) -> Instance:
    """Return an instance that gpudesk has been starting, stopping or terminating for some minutes."""
    claim = Claim(
        action=action,
        claimed_at=NOW - minutes * MINUTE,
        reason=EventReason(code=EventCode.IDLE, message="It is idle."),
        **changes,
    )
    phase = {
        ClaimAction.START: Phase.BOOTING,
        ClaimAction.STOP: Phase.STOPPING,
        ClaimAction.TERMINATE: Phase.TERMINATING,
    }[action]
    return build_instance(phase=phase, phase_since=claim.claimed_at, claim=claim)


def build_due_warning(kind: WarningType) -> StopWarning:
    """Return a stop warning whose `stop_at` is now."""
    return StopWarning(warning_type=kind, created_at=NOW - 5 * MINUTE, stop_at=NOW, message="It will be stopped.")


def build_heartbeat(state: SignalState = SignalState.QUIET, **facts: Any) -> Heartbeat:
    """Return a heartbeat of this minute in which every signal has been in one state for an hour."""
    evidence = Evidence(
        state=state, since=START, at=NOW, samples=61, largest_gap=MINUTE, reason="measured", boot_id="boot-1"
    )
    return Heartbeat(
        **{
            "instance_id": INSTANCE_ID,
            "at": NOW,
            "signals": dict.fromkeys(SIGNALS, evidence),
            "boot_id": "boot-1",
            **facts,
        }
    )


def observe_state(state: Ec2State) -> ObservedInstance:
    return replace(EC2_RUNNING, state=state)


def build_instance_in_setup(*, rerun: bool = False) -> Instance:
    """Return an instance on which the last attempt of a document runs."""
    document = RecipeDocument(name="gpudesk-jupyter", parameters={}, timeout=10 * MINUTE)
    run = DocumentRun(attempt_id="a", sent_at=NOW - MINUTE, last_sent_at=NOW - MINUTE, command_id="c-1")
    setup = SetupState(recipe="jupyter", documents=(document,), attempts=2, current_run=run, on_running_instance=rerun)
    return build_instance(phase=Phase.SETTING_UP, phase_since=NOW - 10 * MINUTE, setup=setup)


def build_command(status: CommandStatus, output: str) -> ObservedCommand:
    has_succeeded = status is CommandStatus.SUCCEEDED
    step = StepOutput(
        name="install",
        status="Success" if has_succeeded else "Failed",
        exit_code=0 if has_succeeded else 1,
        output=output,
    )
    return ObservedCommand(command_id="c-1", status=status, status_details=str(status), steps=(step,))


def end_lifetime(instance: Instance) -> Instance:
    """Return the instance with a lifetime that ends now."""
    return replace(
        instance, lifetime=replace(instance.lifetime, started_at=NOW - timedelta(hours=instance.spec.policy.max_hours))
    )


def build_instance_without_agent(**changes: Any) -> Instance:
    """Return an instance that has run for 13 minutes without a response of its SSM agent."""
    ec2_instance = Ec2Instance(
        instance_id=INSTANCE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=NOW - 13 * MINUTE
    )
    since = {"phase_since": ec2_instance.launched_at, "lifetime": Lifetime(started_at=ec2_instance.launched_at)}
    return build_instance(
        **{
            "phase": Phase.BOOTING,
            "ec2_instance": ec2_instance,
            "observed": ObservedState(boot_id="boot-1"),
            **since,
            **changes,
        }
    )


def observe_boot(view_launched_at: datetime = NOW - 13 * MINUTE) -> dict[str, Any]:
    return {"ec2": replace(EC2_RUNNING, launched_at=view_launched_at)}
