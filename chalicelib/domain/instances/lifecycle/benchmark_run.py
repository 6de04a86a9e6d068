"""What a ready instance was asked to do once: sent, waited for, ended. However it ends, the instance stays ready.

Nothing is idle while it is done (`ready.activity`); whoever wants the instance stopped or terminated does not wait.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.benchmarks.validation import InvalidBenchmark, parse_and_validate
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, DOCUMENT_MARGIN, SEND_DEADLINE
from chalicelib.domain.common.errors import AwsError, PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, no_op, record_event
from chalicelib.domain.instances.observation import CommandStatus, Observation, ObservedCommand
from chalicelib.domain.instances.plan import CommandSent, Plan, SendDocument
from chalicelib.domain.instances.record import BenchmarkRun, Instance, Phase
from chalicelib.domain.setup.state import DocumentRun


def decide(instance: Instance, observation: Observation, now: datetime, rules: DecisionContext) -> Plan | None:
    """What is to be done about it; None: nothing but to wait, or nothing was asked for."""
    errand = instance.benchmark_run
    if errand is None:
        return None
    run = errand.run
    if run is None:
        return _send(instance, errand, DocumentRun(attempt_id=errand.id, sent_at=now, last_sent_at=now))
    if run.command_id is None:
        if now - run.sent_at > SEND_DEADLINE:
            return _ended(instance, f"SSM has not taken the command for {format_duration(SEND_DEADLINE)}", now)
        return (
            _send(instance, errand, replace(run, last_sent_at=now))
            if now - run.last_sent_at >= COMMAND_RESEND_AFTER
            else None
        )
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED) as command:
            return _said(instance, errand, command, now)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            _, failure = setup_results.build_failure_result(errand.document, run, command, now)
            otherwise = f"{errand.document.name} ended as {command.status_details}"
            return _ended(instance, setup_results.describe_failure(failure, otherwise), now)
    if now - run.sent_at > rules.scale_script_timeout(errand.document.timeout + DOCUMENT_MARGIN):
        return _ended(instance, f"it did not end within {errand.document.timeout}", now)
    return None


def is_expected(instance: Instance, step: SendDocument) -> bool:
    """Whether a command that was sent is the errand's."""
    run = instance.benchmark_run.run if instance.benchmark_run else None
    return instance.phase is Phase.READY and run is not None and run.attempt_id == step.attempt_id


def record_send(instance: Instance, outcome: CommandSent | AwsError, now: datetime) -> Plan:
    """What SSM said of the command. What may pass is tried again with the same attempt id."""
    errand = instance.benchmark_run
    if isinstance(outcome, PermanentAwsError):
        return _ended(instance, f"SSM rejected the command: {outcome.description}", now)
    if isinstance(outcome, AwsError):
        return no_op(instance, EventCode.RETRYING, f"SSM did not take the command ({outcome.code}); it is sent again")
    if errand is None or errand.run is None:
        return no_op(instance, EventCode.SUPERSEDED, "nobody waits for the measurement any more")
    running = replace(errand, run=replace(errand.run, command_id=outcome.command_id))
    reason = EventReason(code=EventCode.BENCHMARK_STARTED, message="the measurement is running")
    return record_event(
        replace(instance, benchmark_run=running), reason, now, command_id=outcome.command_id, attempt_id=errand.id
    )


def abandon_benchmark(plan: Plan, now: datetime) -> Plan:
    """Only a ready instance runs errands: what else becomes of it ends them."""
    instance = plan.instance
    if instance.benchmark_run is None or instance.phase is Phase.READY:
        return plan
    reason = _failed(instance, f"it is {instance.phase} now")
    return replace(
        plan, instance=replace(instance, benchmark_run=None), timeline=(*plan.timeline, timeline_entry(now, reason))
    )


def _send(instance: Instance, errand: BenchmarkRun, run: DocumentRun) -> Plan:
    document = errand.document
    return Plan(
        instance=replace(instance, benchmark_run=replace(errand, run=run)),
        reason=EventReason(code=EventCode.SENDING, message=f"sending {document.name}"),
        step=SendDocument(
            document=document.name,
            parameters=document.fill({"attempt_id": errand.id}).parameters,
            attempt_id=errand.id,
            timeout=document.timeout,
        ),
    )


def _said(instance: Instance, errand: BenchmarkRun, command: ObservedCommand, now: datetime) -> Plan:
    """The document has ended well; what it said is still to be believed."""
    subject = errand.target
    try:
        found = parse_and_validate("\n".join(step.output for step in command.steps), subject)
    except InvalidBenchmark as problem:
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
    message = (
        f"{instance.name} finished its benchmark: {benchmark.summary}. The comparison of instance types includes it "
        "now."
    )
    reason = EventReason(code=EventCode.BENCHMARK_DONE, message=message)
    details = {"driver": found.driver or "unknown", "framework": found.framework, "attempt_id": errand.id}
    return replace(record_event(_done(instance, now), reason, now, **details), benchmark=benchmark)


def _ended(instance: Instance, why: str, now: datetime) -> Plan:
    return record_event(_done(instance, now), _failed(instance, why), now)


def _failed(instance: Instance, why: str) -> EventReason:
    message = (
        f"{instance.name} could not finish its benchmark: {ensure_period(why)} Start the benchmark again once the "
        "instance is ready and the cause is removed."
    )
    return EventReason(code=EventCode.BENCHMARK_FAILED, message=message)


def _done(instance: Instance, now: datetime) -> Instance:
    """The idle window begins anew: whoever asked comes to see."""
    return replace(instance, benchmark_run=None, ready_since=now)
