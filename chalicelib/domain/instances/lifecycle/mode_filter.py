"""Limit a plan to the mode of gpudesk: `paused` changes nothing, `dry_run` records autonomous plans."""

from dataclasses import replace

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import PAUSE_END, Mode
from chalicelib.domain.instances.lifecycle import notified_facts
from chalicelib.domain.instances.lifecycle.decision import Decision
from chalicelib.domain.instances.lifecycle.launch_table import describe_wait
from chalicelib.domain.instances.lifecycle.move_source_loss import is_loss
from chalicelib.domain.instances.lifecycle.plans import no_op
from chalicelib.domain.instances.lifecycle.stop_warnings import cancel_warning
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance


def apply_mode(decision: Decision) -> Decision:
    """Limit the plan to what the mode allows: `paused` changes nothing, `dry_run` records autonomous plans once.

    A pause keeps the observation that the former EC2 instance of a move is terminated.
    A dry run keeps what was observed, and discards the rest of an autonomous plan.
    A stop warning that gpudesk may not act on is cancelled: it would be outdated when the mode is `enforce` again.
    """
    mode, plan, current = decision.context.desk.mode, decision.decided_plan, decision.instance
    if mode is not Mode.ENFORCE and current.warning:
        cause = "gpudesk is paused now." if mode is Mode.PAUSED else "gpudesk only does a dry run now."
        return replace(decision, plan=cancel_warning(current, cause, decision.now))
    if mode is Mode.PAUSED and is_loss(current, plan):
        # EC2 forgets the terminated instance, perhaps before the end of the pause.
        return replace(decision, plan=replace(plan, step=None))
    if mode is Mode.PAUSED and (plan.step or plan.autonomous or current.ec2_instance is None):
        message = f"gpudesk is paused. It does not go on with {current.name}: {plan.reason.message}"
        return replace(decision, plan=no_op(_pause_wait(current), EventCode.DESK_PAUSED, message))
    if mode is Mode.DRY_RUN and plan.autonomous:
        code = plan.reason.code
        unchanged = replace(current, observed=plan.instance.observed)
        recorded = notified_facts.record_once(
            unchanged, code, _build_dry_run_reason(plan), decision.now, reason_code=code
        )
        return replace(decision, plan=recorded)
    return decision


def _pause_wait(instance: Instance) -> Instance:
    """Return the record without the promise to try again at a time, if it is a launch that waits for capacity."""
    if instance.reason.code != EventCode.NO_CAPACITY_YET:
        return instance
    message = (
        f"gpudesk is paused and does not try to launch {instance.name}. It goes on when {PAUSE_END}. AWS had no "
        f"capacity {describe_wait(instance)}."
    )
    return replace(instance, reason=EventReason(code=EventCode.DESK_PAUSED, message=message))


def _build_dry_run_reason(plan: Plan) -> EventReason:
    """Return what gpudesk would do on its own, and why."""
    instance, details = plan.instance, plan.timeline[0].details
    action = instance.claim.action if instance.claim else details["action"]
    evidence = details.get("evidence", plan.reason.message)
    return EventReason(code=EventCode.DRY_RUN, message=f"Dry run: would {action} {instance.name}. {evidence}")
