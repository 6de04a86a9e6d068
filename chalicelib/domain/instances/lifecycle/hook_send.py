"""Send the command of a before-stop hook, and record whether SSM has accepted it."""

from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.deadlines import BEFORE_STOP_DELIVERY_TIMEOUT
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT, HookRun, get_script_limit
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.plan import Plan, RunHook, SendDocument
from chalicelib.domain.instances.record import Instance


def build_hook_step(hook: HookRun, *, must_be_idle: bool) -> RunHook:
    """Return the call that sends a hook."""
    limit = get_script_limit(hook.stop_reason)
    document = SendDocument(
        document=BEFORE_STOP_DOCUMENT,
        parameters={
            "attemptId": hook.run.attempt_id,
            "hook": hook.path,
            "seconds": str(int(limit.total_seconds())),
            "stopReason": str(hook.stop_reason),
        },
        attempt_id=hook.run.attempt_id,
        timeout=limit,
        delivery_timeout=BEFORE_STOP_DELIVERY_TIMEOUT,
    )
    return RunHook(document, if_still_idle=must_be_idle)


def record_sent_hook(instance: Instance, hook: HookRun, now: datetime) -> Plan:
    """Record that SSM has accepted the command of a hook.

    :param instance: the record with the command
    """
    message = f"The before-stop hook {hook.path} of {instance.name} was sent to it."
    reason = EventReason(code=EventCode.BEFORE_STOP_STARTED, message=message)
    run = hook.run
    return record_event(instance, reason, now, command_id=run.command_id or "", attempt_id=run.attempt_id)


def record_unsent_hook(instance: Instance, error: AwsError) -> Plan:
    """Record that SSM has not accepted the command of a hook, for a cause that can pass."""
    message = f"SSM did not accept the before-stop hook of {instance.name} ({error.code}). gpudesk sends it again."
    return no_op(instance, EventCode.RETRYING, message)
