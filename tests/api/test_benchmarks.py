"""Benchmarks over HTTP: start one, follow it, compare instance types."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.api.instances.views import to_instance_view
from chalicelib.control.services.queries import LiveState
from chalicelib.domain.idle.heartbeat import Heartbeat, StepProgress
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT, request_benchmark
from chalicelib.store import data_files
from tests.api.client import Bench
from tests.support.ready_instance import ADA, INSTANCE_ID, START, build_ready_instance


def test_benchmark_is_recorded_run_and_compared(bench: Bench) -> None:
    bench.world.launch_until_ready(name="brave-otter")
    requested = bench.ada("POST", "/instances/brave-otter/benchmarks", {"seconds": 1})
    assert requested.status == 202
    assert requested.headers["location"] == f"/instances/{requested.json['id']}"
    measuring = requested.json["status"]["benchmark"]
    assert (measuring["state"], measuring["requested_by"], measuring["last_output_line"]) == ("requested", "ada", None)
    again = bench.ada("POST", "/instances/brave-otter/benchmarks")
    assert (again.status, again.json["status"]["benchmark"]["id"]) == (202, measuring["id"])
    bench.world.application.reconciler.reconcile(requested.json["id"])
    status = bench.ada("GET", "/instances/brave-otter").json["status"]
    assert status["benchmark"]["state"] == "running"
    assert status["activity"]["message"].startswith("Busy: ada requested a benchmark at")
    bench.world.pass_minutes(2)
    assert bench.ada("GET", "/instances/brave-otter").json["status"]["benchmark"] is None

    (found,) = bench.bob("GET", "/benchmarks?gpu=tesla%20t4").json["items"]
    assert (found["instance_type"], found["gpu"], found["price_per_hour"]) == ("g4dn.xlarge", "T4", "0.526")
    assert found["driver"]
    assert "owner" not in found, "other people must not see the owner"
    fp32, *_, training = found["results"]
    assert (fp32["metric"], fp32["unit"], fp32["gpus"], fp32["plausibility_checked"]) == ("fp32", "TFLOPS", 1, True)
    assert fp32["p10"] <= fp32["median"] <= fp32["p90"] <= 8.1 * 1.05
    assert (training["plausibility_checked"], training["efficiency"]) == (False, 1.0)
    assert training["per_dollar"] == pytest.approx(training["median"] / 0.526, rel=1e-3)
    assert bench.ada("GET", "/benchmarks?instance_type=g4dn.xlarge").json["items"] == [found]
    assert bench.ada("GET", "/benchmarks?instance_type=g4dn.12xlarge").json["items"] == []
    assert bench.ada("GET", "/benchmarks?gpu=L4").json["items"] == []


def test_benchmark_of_unsuitable_instance_is_a_conflict_with_the_reason(bench: Bench) -> None:
    bench.world.launch(name="brave-otter", instance_type="t3.large")
    no_gpu = bench.ada("POST", "/instances/brave-otter/benchmarks")
    assert (no_gpu.status, no_gpu.json["code"]) == (409, "no_gpu")
    assert "is a t3.large, which has no GPU" in no_gpu.json["detail"]
    bench.world.launch(name="calm-otter")
    early = bench.ada("POST", "/instances/calm-otter/benchmarks")
    assert (early.status, early.json["code"]) == (409, "not_ready")
    assert bench.bob("POST", "/instances/calm-otter/benchmarks").status == 404
    assert bench.root("POST", "/instances/calm-otter/benchmarks").status == 409, "an admin sees all instances"


@pytest.mark.parametrize("body", [{"seconds": 0}, {"seconds": 21}, {"seconds": "2"}, {"seconds": 1.5}, {"cpu": 2}])
def test_benchmark_request_with_wrong_field_is_rejected(bench: Bench, body: dict[str, object]) -> None:
    bench.world.launch(name="brave-otter")
    refused = bench.ada("POST", "/instances/brave-otter/benchmarks", body)
    assert refused.status == 422
    assert refused.field_errors.keys() == body.keys()


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("instance_type=g4dn.xlrage", "instance_type", "Did you mean g4dn.xlarge"),
        ("gpu=h10", "gpu", "Did you mean H100"),
        ("gpu=", "gpu", "the name of a GPU"),
        ("colour=red", "colour", "unknown"),
        ("cursor=abc", "cursor", "next_cursor"),
    ],
)
def test_benchmark_query_with_wrong_value_is_rejected_with_a_suggestion(
    bench: Bench, query: str, field: str, message: str
) -> None:
    refused = bench.ada("GET", f"/benchmarks?{query}")
    assert refused.status == 422
    assert message in refused.field_errors[field]


@pytest.mark.parametrize(
    ("document", "line"), [(BENCHMARK_DOCUMENT, "2 x fp32: 103 TFLOPS"), ("gpudesk-jupyter", None)]
)
def test_status_shows_the_last_output_line_of_the_benchmark_only(document: str, line: str | None) -> None:
    measuring = request_benchmark(
        replace(build_ready_instance(), version=1), data_files.load_catalog(), None, ADA, START
    ).instance
    progress = StepProgress(
        document=document,
        step="measure",
        position="1 of 1",
        running_for=timedelta(seconds=9),
        last_output_line="2 x fp32: 103 TFLOPS",
    )
    heartbeat = Heartbeat(instance_id=INSTANCE_ID, at=START, boot_id="b", signals={}, setup=progress)
    status = to_instance_view(measuring, Decimal(0), LiveState(heartbeat=heartbeat))["status"]["benchmark"]
    assert status is not None
    assert status["last_output_line"] == line
