"""What a ready instance was asked to do once: sent, waited for, ended. However it ends, the instance stays ready.

Nothing is idle while it is done (`ready.activity`); whoever wants the instance stopped or terminated does not wait.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.benchmarks import Benchmark
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period
from chalicelib.domain.errors import CloudError, GiveUp
from chalicelib.domain.instance import DocumentRun, Errand, Instance, Phase
from chalicelib.domain.lifecycle import documents
from chalicelib.domain.lifecycle.rules import Rules, because, entry, nothing, told
from chalicelib.domain.measured import NotBelieved, believed
from chalicelib.domain.observation import CommandStatus, CommandView, Observation
from chalicelib.domain.plan import Plan, SendDocument, Sent
from chalicelib.domain.recipes import fill
from chalicelib.domain.timings import DOCUMENT_MARGIN, RESEND_AFTER, SEND_DEADLINE


def decide(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan | None:
    """What is to be done about it; None: nothing but to wait, or nothing was asked for."""
    errand = instance.errand
    if errand is None:
        return None
    run = errand.run
    if run is None:
        return _send(instance, errand, DocumentRun(attempt_id=errand.id, sent_at=now, called_at=now))
    if run.command_id is None:
        if now - run.sent_at > SEND_DEADLINE:
            return _ended(instance, f"SSM has not taken the command for {SEND_DEADLINE.seconds // 60} minutes", now)
        return _send(instance, errand, replace(run, called_at=now)) if now - run.called_at >= RESEND_AFTER else None
    match seen.command:
        case CommandView(status=CommandStatus.SUCCEEDED) as command:
            return _said(instance, errand, command, now)
        case CommandView(status=CommandStatus.FAILED) as command:
            _, failure = documents.failed(errand.document, run, command, now)
            otherwise = f"{errand.document.name} ended as {command.detail}"
            return _ended(instance, documents.failure_in_words(failure, otherwise), now)
    if now - run.sent_at > rules.script_time(errand.document.timeout + DOCUMENT_MARGIN):
        return _ended(instance, f"it did not end within {errand.document.timeout}", now)
    return None


def waits_for(instance: Instance, step: SendDocument) -> bool:
    """Whether a command that was sent is the errand's."""
    run = instance.errand.run if instance.errand else None
    return instance.phase is Phase.READY and run is not None and run.attempt_id == step.attempt_id


def sent(instance: Instance, outcome: Sent | CloudError, now: datetime) -> Plan:
    """What SSM said of the command. What may pass is tried again with the same attempt id."""
    errand = instance.errand
    if isinstance(outcome, GiveUp):
        return _ended(instance, f"SSM rejected the command: {outcome.description}", now)
    if isinstance(outcome, CloudError):
        return nothing(instance, EventCode.RETRYING, f"SSM did not take the command ({outcome.code}); it is sent again")
    if errand is None or errand.run is None:
        return nothing(instance, EventCode.SUPERSEDED, "nobody waits for the measurement any more")
    running = replace(errand, run=replace(errand.run, command_id=outcome.command_id))
    reason = because(EventCode.BENCHMARK_STARTED, "the measurement is running")
    return told(replace(instance, errand=running), reason, now, command_id=outcome.command_id, attempt_id=errand.id)


def given_up(plan: Plan, now: datetime) -> Plan:
    """Only a ready instance runs errands: what else becomes of it ends them."""
    instance = plan.instance
    if instance.errand is None or instance.phase is Phase.READY:
        return plan
    reason = _failed(instance, f"it is {instance.phase} now")
    return replace(plan, instance=replace(instance, errand=None), entries=(*plan.entries, entry(now, reason)))


def _send(instance: Instance, errand: Errand, run: DocumentRun) -> Plan:
    document = errand.document
    return Plan(
        instance=replace(instance, errand=replace(errand, run=run)),
        reason=because(EventCode.SENDING, f"sending {document.name}"),
        step=SendDocument(
            document=document.name,
            parameters=fill(document.parameters, {"attempt_id": errand.id}),
            attempt_id=errand.id,
            limit=document.timeout,
        ),
    )


def _said(instance: Instance, errand: Errand, command: CommandView, now: datetime) -> Plan:
    """The document has ended well; what it said is still to be believed."""
    subject = errand.subject
    try:
        found = believed("\n".join(step.output for step in command.steps), subject)
    except NotBelieved as problem:
        return _ended(instance, f"what the machine said is not believed: {problem}", now)
    benchmark = Benchmark(
        id=errand.id,
        instance_id=instance.id,
        owner=instance.owner,
        instance_type=subject.instance_type,
        region=subject.region,
        gpu=subject.gpu,
        gpu_count=subject.gpu_count,
        measured_at=now,
        gpu_name=found.gpu_name,
        driver=found.driver,
        framework=found.framework,
        cuda=found.cuda,
        results=found.results,
    )
    sentence = (
        f"{instance.name} finished its benchmark: {benchmark.in_words}. The comparison of instance types includes it "
        "now."
    )
    reason = because(EventCode.BENCHMARK_DONE, sentence)
    details = {"driver": found.driver or "unknown", "framework": found.framework, "attempt_id": errand.id}
    return replace(told(_done(instance, now), reason, now, **details), measured=benchmark)


def _ended(instance: Instance, why: str, now: datetime) -> Plan:
    return told(_done(instance, now), _failed(instance, why), now)


def _failed(instance: Instance, why: str) -> EventReason:
    sentence = (
        f"{instance.name} could not finish its benchmark: {ensure_period(why)} Start the benchmark again once the "
        "instance is ready and the cause is removed."
    )
    return because(EventCode.BENCHMARK_FAILED, sentence)


def _done(instance: Instance, now: datetime) -> Instance:
    """The idle window begins anew: whoever asked comes to see."""
    return replace(instance, errand=None, ready_since=now)
