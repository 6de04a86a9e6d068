"""The recipe's documents, one after another, in order."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.baked import Baked, fingerprint, use_hash
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period
from chalicelib.domain.errors import CloudError, GiveUp
from chalicelib.domain.instance import DocumentRun, Instance, Phase, Setup
from chalicelib.domain.lifecycle import documents
from chalicelib.domain.lifecycle.booting import made_ready
from chalicelib.domain.lifecycle.heard import heard
from chalicelib.domain.lifecycle.lifetime import lifetime
from chalicelib.domain.lifecycle.rules import (
    Rules,
    because,
    entry,
    heartbeat_key,
    moved,
    nothing,
    running,
    told,
    wanted_otherwise,
)
from chalicelib.domain.observation import CommandStatus, CommandView, Observation
from chalicelib.domain.plan import AlreadyBaked, Entry, Plan, SendDocument, Sent
from chalicelib.domain.recipes import DocumentUse, fill
from chalicelib.domain.setup_results import DocumentResult
from chalicelib.domain.timings import DOCUMENT_MARGIN, RESEND_AFTER, SEND_DEADLINE, SETUP_RETRY, SETUP_TRIES
from chalicelib.domain.vouching import vouched
from chalicelib.domain.warned import Warned, WarningKind


def decide(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan:
    """What follows while documents remain to be run."""
    otherwise = wanted_otherwise(instance, now)
    if otherwise:
        return otherwise
    over = lifetime(instance, "being set up", now, seen.heartbeat)
    if over and over.instance != instance:
        return over
    news = heard(instance, seen, now, rules) or over
    if news:
        return news
    setup = instance.setup
    if setup.is_done:
        return made_ready(instance, f"Recipe {instance.setup.recipe} is set up.", now)
    document = setup.documents[setup.index]
    if setup.run is None:
        if setup.retry_at and now < setup.retry_at:
            return nothing(
                instance, EventCode.WAITING_TO_RETRY, f"{document.name} runs again at {setup.retry_at:%H:%M:%S} UTC"
            )
        return _send(instance, document, now, rules)
    if setup.run.command_id is None:
        if now - setup.run.sent_at > SEND_DEADLINE:
            why = f"SSM has not taken {document.name} for {SEND_DEADLINE.seconds // 60} minutes"
            return _retried(instance, document, setup.run, None, why, now)
        if now - setup.run.called_at < RESEND_AFTER:
            return nothing(instance, EventCode.SENDING, f"{document.name} was sent, SSM has not confirmed it yet")
        return _send(instance, document, now, rules)
    return _running(instance, document, setup.run, seen, now, rules)


def answered(instance: Instance, outcome: Sent | AlreadyBaked | CloudError, step: SendDocument, now: datetime) -> Plan:
    """What became of sending a document."""
    match outcome:
        case Sent():
            return sent(instance, outcome, step, now)
        case AlreadyBaked():
            return skipped(instance, outcome, now)
        case CloudError():
            return not_sent(instance, outcome, now)


def sent(instance: Instance, outcome: Sent, step: SendDocument, now: datetime) -> Plan:
    """SSM accepted the command."""
    run = instance.setup.run
    confirmed = replace(run, command_id=outcome.command_id, content=outcome.content) if run else None
    setup = replace(instance.setup, run=confirmed)
    reason = because(EventCode.DOCUMENT_STARTED, f"{step.document} is running ({_position(instance)})")
    return told(replace(instance, setup=setup), reason, now, command_id=outcome.command_id, attempt_id=step.attempt_id)


def skipped(instance: Instance, outcome: AlreadyBaked, now: datetime) -> Plan:
    """The image has it: nothing runs, and that it would have taken as long as it once did is said."""
    setup, run = instance.setup, instance.setup.run
    if run is None:
        return nothing(instance, EventCode.SUPERSEDED, "nobody waits for the outcome of a document any more")
    name = setup.documents[setup.index].name
    result = DocumentResult(
        name=name,
        succeeded=True,
        started_at=run.sent_at,
        ended_at=run.sent_at,
        use=use_hash(setup.documents[setup.index]),
        fingerprint=run.fingerprint,
        content=outcome.content,
    )
    saved = next((each.seconds for each in setup.baked if each.name == name), 0)
    image = instance.spec.image.name if instance.spec.image else "its image"
    sentence = f"{name} is in {image} already: skipped, which saves about {saved} s ({_position(instance)})"
    reason = because(EventCode.DOCUMENT_SKIPPED, sentence)
    return _past(instance, result, entry(now, reason, details={"seconds_saved": str(saved)}), now)


def not_sent(instance: Instance, error: CloudError, now: datetime) -> Plan:
    """SSM did not take the command. What may pass is tried again with the same attempt id."""
    if isinstance(error, GiveUp):
        return _failed(_refused(instance, now), f"SSM rejected the command: {error.description}", now)
    return nothing(instance, EventCode.RETRYING, f"SSM did not take the command ({error.code}); it is sent again")


def _refused(instance: Instance, now: datetime) -> Instance:
    """An earlier answer may have been lost, so that it is not certain that nothing of it ran."""
    setup = instance.setup
    if setup.run is None:
        return instance
    result, _ = documents.failed(setup.documents[setup.index], setup.run, None, now)
    return replace(instance, setup=replace(setup, results=(*setup.results, result)))


def _send(instance: Instance, document: DocumentUse, now: datetime, rules: Rules) -> Plan:
    setup = instance.setup
    attempt_id = setup.run.attempt_id if setup.run else f"{instance.id}.{_round(instance, now)}"
    machine = running(instance)
    values = {
        "heartbeat_key": heartbeat_key(rules.instance_role_id, machine.instance_id),
        "heartbeat_table": rules.heartbeat_table,
        "region": rules.heartbeat_region,
        "gpu_count": str(instance.spec.nvidia_gpu_count),
        "attempt_id": attempt_id,
    }
    parameters = fill(document.parameters, values)
    mark = fingerprint(parameters, attempt_id)
    run = (
        replace(setup.run, called_at=now)
        if setup.run
        else DocumentRun(attempt_id=attempt_id, sent_at=now, called_at=now, fingerprint=mark)
    )
    baked = _baked(setup, document, mark)
    return Plan(
        instance=replace(instance, setup=replace(setup, run=run, retry_at=None)),
        reason=because(EventCode.SENDING, f"sending {document.name} ({_position(instance)})"),
        step=SendDocument(
            document=document.name,
            parameters=parameters,
            attempt_id=attempt_id,
            limit=document.timeout,
            log_group=rules.desk.log_group,
            unless=baked.content if baked else None,
        ),
    )


def _baked(setup: Setup, document: DocumentUse, mark: str) -> Baked | None:
    """What the image has of it: in the launch's own setup alone, since whoever asks for another one wants it run."""
    known = vouched(setup).get(document.name) if setup.round == 0 else None
    return known if known and known.fingerprint == mark else None


def _round(instance: Instance, now: datetime) -> str:
    """Tells this try from all others of any document, on this machine, in another setup and after a restart."""
    setup = instance.setup
    return f"{setup.round}.{setup.index}.{setup.tries}.{int(now.timestamp())}"


def _running(
    instance: Instance, document: DocumentUse, run: DocumentRun, seen: Observation, now: datetime, rules: Rules
) -> Plan:
    limit = rules.script_time(document.timeout + DOCUMENT_MARGIN)
    match seen.command:
        case CommandView(status=CommandStatus.SUCCEEDED):
            return _succeeded(instance, document, run, seen.command, now)
        case CommandView(status=CommandStatus.FAILED) as command:
            return _retried(instance, document, run, command, f"{document.name} ended as {command.detail}", now)
        case _ if now - run.sent_at > limit:
            why = f"{document.name} did not end within {document.timeout}"
            return _retried(instance, document, run, None, why, now)
        case _:
            return nothing(instance, EventCode.SETTING_UP, f"{document.name} is running ({_position(instance)})")


def _succeeded(
    instance: Instance, document: DocumentUse, run: DocumentRun, command: CommandView, now: datetime
) -> Plan:
    result = documents.succeeded(document, run, command, now)
    reason = because(EventCode.DOCUMENT_SUCCEEDED, documents.done_in_words(result, _position(instance)))
    plan = _past(instance, result, entry(now, reason, details={"command_id": run.command_id or ""}), now)
    return replace(plan, learned=documents.learned(result, instance.spec.instance_type))


def _past(instance: Instance, result: DocumentResult, line: Entry, now: datetime) -> Plan:
    """One document is behind it: on to the next, or ready."""
    setup = replace(
        instance.setup,
        index=instance.setup.index + 1,
        tries=0,
        run=None,
        results=(*instance.setup.results, result),
        failure=None,
    )
    done = replace(instance, setup=setup)
    if setup.is_done:
        plan = made_ready(
            done, f"Recipe {instance.setup.recipe} was set up {documents.setup_in_words(done, now)}.", now
        )
        return replace(plan, entries=(line, *plan.entries))
    return Plan(instance=done, reason=because(line.code, line.sentence), entries=(line,), again=True)


def _retried(
    instance: Instance,
    document: DocumentUse,
    run: DocumentRun,
    command: CommandView | None,
    otherwise: str,
    now: datetime,
) -> Plan:
    """Tried again, as often as is worth it.

    :param command: None where it has not ended
    :param otherwise: what happened, where no step is known to have failed
    """
    result, failure = documents.failed(document, run, command, now)
    why = documents.failure_in_words(failure, otherwise)
    tries = instance.setup.tries + 1
    setup = replace(
        instance.setup,
        tries=tries,
        run=None,
        retry_at=now + SETUP_RETRY,
        results=(*instance.setup.results, result),
        failure=failure,
    )
    tried = replace(instance, setup=setup)
    if tries >= SETUP_TRIES:
        return _failed(tried, f"{why}, {tries} times. {failure.what_to_do}", now)
    sentence = f"{why}; trying again ({tries} of {SETUP_TRIES} tries used). {failure.what_to_do}"
    return told(tried, because(EventCode.DOCUMENT_FAILED, sentence), now, command_id=run.command_id or "")


def _failed(instance: Instance, why: str, now: datetime) -> Plan:
    """Setup is over; the machine is stopped after a warning, unless it was ready before: then it goes on as it was."""
    if instance.setup.further:
        return _given_up(instance, why, now)
    acts_at = now + instance.spec.idle_policy.notice
    reason = _setup_failed(instance, why)
    sentence = (
        f"{reason.sentence} {instance.name} will be stopped at {acts_at:%H:%M} UTC. To leave it running, press Keep or "
        "run gpudesk-keep 4h on it. You can connect to it, run its setup again, or terminate it."
    )
    warned = Warned(kind=WarningKind.FAILED, at=now, acts_at=acts_at, sentence=sentence)
    failed = replace(moved(instance, Phase.FAILED, reason, now), warned=warned)
    return told(failed, because(EventCode.SETUP_FAILED, sentence), now)


def _given_up(instance: Instance, why: str, now: datetime) -> Plan:
    """People may be at work on it, so it is not stopped for that; idleness bounds it again."""
    sentence = (
        f"{_setup_failed(instance, why).sentence} {instance.name} stays ready: it can be used as before, as far as "
        "that setup has not changed it. To try again, run its setup again."
    )
    reason = because(EventCode.SETUP_FAILED, sentence)
    setup = replace(instance.setup, given_up=True, run=None, retry_at=None)
    ready = replace(moved(instance, Phase.READY, reason, now), setup=setup, ready_since=now)
    return told(ready, reason, now, recipe=instance.setup.recipe)


def _setup_failed(instance: Instance, why: str) -> EventReason:
    sentence = f"Setup of {instance.setup.recipe} failed on {instance.name}: {ensure_period(why)}"
    return because(EventCode.SETUP_FAILED, sentence)


def _position(instance: Instance) -> str:
    return f"document {instance.setup.index + 1} of {len(instance.setup.documents)}"
