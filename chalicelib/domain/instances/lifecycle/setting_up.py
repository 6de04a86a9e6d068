"""Run the documents of a recipe one after another."""

from datetime import datetime

from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, SEND_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_duration, format_time
from chalicelib.domain.instances.lifecycle.actions import plan_desired_state
from chalicelib.domain.instances.lifecycle.booting import to_ready
from chalicelib.domain.instances.lifecycle.document_run import decide_running, retry_document
from chalicelib.domain.instances.lifecycle.document_send import send_document
from chalicelib.domain.instances.lifecycle.heartbeat_messages import process_heartbeat
from chalicelib.domain.instances.lifecycle.lifetime import decide_lifetime
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, get_calling_since, no_op
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance

SETUP_EVIDENCE = "It is being set up. The setup does not go on until somebody keeps it."


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """Decide what follows while documents remain to be run.

    A new warning or a stop at the end of the lifetime comes first. Otherwise the messages of the heartbeat are
    processed. While a lifetime warning is active, the setup does not go on.
    """
    requested = plan_desired_state(instance, now)
    if requested:
        return requested
    lifetime = decide_lifetime(instance, SETUP_EVIDENCE, now, observation)
    if lifetime and lifetime.instance != instance:
        return lifetime
    plan = process_heartbeat(instance, observation, now, context) or lifetime
    if plan:
        return plan
    if instance.setup.is_done:
        return to_ready(instance, f"Recipe {instance.setup.recipe} is set up.", now, context.desk.mode)
    return _decide_document(instance, observation, now, context)


def _decide_document(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    setup = instance.setup
    document, run = setup.documents[setup.document_index], setup.current_run
    if run is None:
        if setup.retry_at and now < setup.retry_at:
            message = f"{document.name} runs again on {instance.name} at {format_time(setup.retry_at)}."
            return no_op(instance, EventCode.WAITING_TO_RETRY, message)
        return send_document(instance, now, context)
    if run.command_id is not None:
        return decide_running(instance, observation, now, context)
    if now - get_calling_since(run.sent_at, context.desk, now) > SEND_DEADLINE:
        cause = f"SSM has not accepted {document.name} for {format_duration(SEND_DEADLINE)}"
        return retry_document(instance, None, cause, now, context.desk.mode)
    if now - run.last_sent_at < COMMAND_RESEND_AFTER:
        message = f"{document.name} was sent to {instance.name}. SSM has not confirmed it yet."
        return no_op(instance, EventCode.SENDING, message)
    return send_document(instance, now, context)
