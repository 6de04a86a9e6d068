"""Run the benchmark of a ready instance: send it, wait for it, check its results. The instance stays ready throughout.

The instance counts as busy meanwhile (`ready.judge_instance`). A requested stop or termination does not wait.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.benchmarks.validation import InvalidBenchmark, parse_and_validate
from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, DOCUMENT_MARGIN, SEND_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, get_calling_since, no_op, record_event
from chalicelib.domain.instances.observation import CommandStatus, Observation, ObservedCommand
from chalicelib.domain.instances.outcome import CommandSent
from chalicelib.domain.instances.plan import Plan, SendDocument
from chalicelib.domain.instances.record import ENDING_PHASES, BenchmarkRun, Instance, Phase
from chalicelib.domain.setup.command_end import describe_end
from chalicelib.domain.setup.state import DocumentRun


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan | None:
    """Decide what follows for the benchmark of an instance.

    :returns: None if no benchmark was requested, or if there is nothing to do but wait
    """
    benchmark = instance.benchmark_run
    if benchmark is None:
        return None
    run = benchmark.run
    if run is None:
        return _send(instance, benchmark, DocumentRun(attempt_id=benchmark.id, sent_at=now, last_sent_at=now))
    if run.command_id is not None:
        return _decide_running(instance, observation, now, context)
    if now - get_calling_since(run.sent_at, context.desk, now) > SEND_DEADLINE:
        return _fail(instance, f"SSM has not accepted the command for {format_duration(SEND_DEADLINE)}", now)
    if now - run.last_sent_at < COMMAND_RESEND_AFTER:
        return None
    return _send(instance, benchmark, replace(run, last_sent_at=now))


def is_expected(instance: Instance, step: SendDocument) -> bool:
    """Return whether a sent document is the one of the benchmark that the instance waits for."""
    run = instance.benchmark_run.run if instance.benchmark_run else None
    return instance.phase is Phase.READY and run is not None and run.attempt_id == step.attempt_id


def record_command(instance: Instance, outcome: CommandSent, now: datetime) -> Plan:
    """Record that SSM accepted the document of the benchmark."""
    benchmark, run = _require_run(instance)
    running = replace(benchmark, run=replace(run, command_id=outcome.command_id))
    reason = EventReason(code=EventCode.BENCHMARK_STARTED, message=f"The benchmark of {instance.name} is running.")
    return record_event(
        replace(instance, benchmark_run=running), reason, now, command_id=outcome.command_id, attempt_id=benchmark.id
    )


def record_send_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """End the benchmark if SSM rejected its document; wait and send it again if the error can pass."""
    if isinstance(error, PermanentAwsError):
        return _fail(instance, f"SSM rejected the command: {error.description}", now)
    message = f"SSM did not accept the benchmark of {instance.name} ({error.code}). gpudesk sends it again."
    return no_op(instance, EventCode.RETRYING, message)


def reject_results(instance: Instance, cause: str, now: datetime) -> Plan:
    """End the benchmark whose results DynamoDB does not accept. Otherwise each sweep would write them again.

    :param instance: the record as it is stored
    :param cause: why, as a clause
    """
    return _fail(instance, f"its results cannot be stored: {cause}", now)


def abandon_benchmark(plan: Plan, now: datetime) -> Plan:
    """End the benchmark of an instance that the plan takes out of phase `ready`."""
    instance = plan.instance
    if instance.benchmark_run is None or instance.phase is Phase.READY:
        return plan
    advice = (
        "To measure this instance type, launch another instance."
        if instance.phase in ENDING_PHASES
        else "Start the instance, then start the benchmark again."
    )
    entry = timeline_entry(now, _build_failure_reason(instance, f"the instance is {instance.phase} now", advice))
    return replace(plan, instance=replace(instance, benchmark_run=None), timeline=(*plan.timeline, entry))


def _send(instance: Instance, benchmark: BenchmarkRun, run: DocumentRun) -> Plan:
    document = benchmark.document
    message = f"Sending {document.name} to {instance.name}."
    return Plan(
        instance=replace(instance, benchmark_run=replace(benchmark, run=run)),
        reason=EventReason(code=EventCode.SENDING, message=message),
        step=SendDocument(
            document=document.name,
            parameters=document.fill({"attempt_id": benchmark.id}).parameters,
            attempt_id=benchmark.id,
            timeout=document.timeout,
        ),
    )


def _decide_running(
    instance: Instance, observation: Observation, now: datetime, context: DecisionContext
) -> Plan | None:
    benchmark, run = _require_run(instance)
    document = benchmark.document
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED) as command:
            return _succeed(instance, benchmark, command, now)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            _, failure = setup_results.build_failure_result(document, run, command, now)
            cause = describe_end(document.name, command.status_details, command.steps)
            return _fail(instance, setup_results.describe_failure(failure, cause), now, failure.remediation)
    if now - run.sent_at > context.scale_script_timeout(document.timeout + DOCUMENT_MARGIN):
        return _fail(instance, f"it did not end within {format_duration(document.timeout)}", now)
    return None


def _succeed(instance: Instance, benchmark: BenchmarkRun, command: ObservedCommand, now: datetime) -> Plan:
    """Check the output of the document, and store the results if they are plausible."""
    target = benchmark.target
    try:
        output = parse_and_validate("\n".join(step.output for step in command.steps), target)
    except InvalidBenchmark as error:
        return _fail(instance, f"its output is not valid: {error}", now)
    result = Benchmark(
        id=benchmark.id,
        instance_id=instance.id,
        owner=instance.owner,
        instance_type=target.instance_type,
        region=target.region,
        gpu=target.gpu,
        gpu_count=target.gpu_count,
        measured_at=now,
        gpu_name=output.gpu_name,
        driver=output.driver,
        framework=output.framework,
        cuda=output.cuda,
        results=output.results,
    )
    message = (
        f"{instance.name} finished its benchmark: {result.summary}. The comparison of instance types includes it now."
    )
    reason = EventReason(code=EventCode.BENCHMARK_DONE, message=message)
    details = {"driver": output.driver or "unknown", "framework": output.framework, "attempt_id": benchmark.id}
    return replace(record_event(_without_benchmark(instance, now), reason, now, **details), benchmark=result)


def _fail(
    instance: Instance, cause: str, now: datetime, advice: str = "Start the benchmark again when the cause is removed."
) -> Plan:
    reason = _build_failure_reason(instance, cause, advice)
    return record_event(_without_benchmark(instance, now), reason, now)


def _build_failure_reason(instance: Instance, cause: str, advice: str) -> EventReason:
    """Return why a benchmark has no results, and what to do.

    :param cause: as a clause
    :param advice: what to do, as sentences
    """
    message = f"{instance.name} could not finish its benchmark: {ensure_period(cause)} {advice}"
    return EventReason(code=EventCode.BENCHMARK_FAILED, message=message)


def _without_benchmark(instance: Instance, now: datetime) -> Instance:
    """Return the record after its benchmark. The idle window starts again, so that there is time to use the results."""
    return replace(instance, benchmark_run=None, ready_since=now)


def _require_run(instance: Instance) -> tuple[BenchmarkRun, DocumentRun]:
    """Return the benchmark and its run.

    :raises ValueError: no benchmark was sent
    """
    benchmark = instance.benchmark_run
    if benchmark is None or benchmark.run is None:
        raise ValueError(f"{instance.id}: no benchmark was sent")
    return benchmark, benchmark.run
