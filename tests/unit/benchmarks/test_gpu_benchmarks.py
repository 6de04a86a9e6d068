"""Validation of benchmark outputs and comparison of types. The outputs of H100 and H200 come from real GPUs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.benchmarks.result import Benchmark, BenchmarkTarget, Metric, MetricResult, compare_benchmarks
from chalicelib.domain.benchmarks.validation import InvalidBenchmark, parse_and_validate
from chalicelib.domain.catalog.gpu_models import Peaks
from chalicelib.domain.catalog.gpu_names import is_same_gpu
from chalicelib.store import data_files

GOLDEN = Path(__file__).parents[2] / "golden" / "benchmarks"
FIRST, SECOND, H200 = ((GOLDEN / f"{name}.json").read_text(encoding="utf-8") for name in ("h100_1", "h100_2", "h200"))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CATALOG = data_files.load_catalog()


def build_target(instance_type: str = "p5.4xlarge", **changes: Any) -> BenchmarkTarget:
    facts = CATALOG.get_type(instance_type)
    assert facts.gpu
    values = {"gpu": facts.gpu, "gpu_count": facts.gpu_count, "peaks": CATALOG.peaks[facts.gpu], **changes}
    return BenchmarkTarget(instance_type=instance_type, region="us-east-1", **values)


def build_output(*runs: dict[str, Any], **changes: Any) -> str:
    """Return the output of an H100 with changes."""
    output = json.loads(FIRST)
    return json.dumps({**output, "runs": list(runs) or output["runs"], **changes})


def build_run(**changes: Any) -> dict[str, Any]:
    result = {"gpus": 1, "metric": "fp32", "unit": "TFLOPS", "median": 50.0, "p10": 49.0, "p90": 51.0}
    return {**result, **changes}


def build_benchmark(instance_type: str, *results: tuple[int, Metric, float], at: datetime = NOW) -> Benchmark:
    facts = CATALOG.get_type(instance_type)
    return Benchmark(
        id=f"{instance_type}.{at.isoformat()}",
        instance_id="gd-1",
        owner="ada",
        instance_type=instance_type,
        region="us-east-1",
        gpu=facts.gpu or "",
        gpu_count=facts.gpu_count or 0,
        measured_at=at,
        gpu_name="a GPU",
        driver="580",
        framework="PyTorch",
        cuda="13.0",
        results=tuple(
            MetricResult(gpus=gpus, metric=metric, median=median, p10=median, p90=median, plausibility_checked=True)
            for gpus, metric, median in results
        ),
    )


@pytest.mark.parametrize("line", [FIRST, SECOND, f"Attempt x has already run this step.\n{FIRST}"])
def test_real_output_of_an_h100_is_valid(line: str) -> None:
    output = parse_and_validate(line, build_target())
    assert (output.gpu_name, output.driver) == ("NVIDIA H100 80GB HBM3", "580.159.04")
    assert (output.framework, output.cuda) == ("PyTorch 2.11.0+cu130", "13.0")
    assert [result.metric for result in output.results] == list(Metric)
    assert [result.plausibility_checked for result in output.results] == [True, True, True, True, False], (
        "no training peak is known"
    )
    assert 50 < output.results[0].median < 67


def test_real_output_of_an_h200_is_valid_for_an_h200_only() -> None:
    output = parse_and_validate(H200, build_target("p5en.48xlarge", gpu_count=1))
    assert [result.plausibility_checked for result in output.results] == [True, True, True, True, False]
    with pytest.raises(InvalidBenchmark):
        parse_and_validate(H200, build_target())


def test_result_without_a_known_peak_is_marked() -> None:
    output = parse_and_validate(FIRST, build_target(peaks=Peaks(fp32_tflops=67)))
    assert {result.metric: result.plausibility_checked for result in output.results if result.plausibility_checked} == {
        Metric.FP32: True
    }


def test_result_slightly_above_the_peak_is_valid() -> None:
    assert (
        parse_and_validate(build_output(build_run(median=67 * 1.04, p90=70.0)), build_target())
        .results[0]
        .plausibility_checked
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            build_output(build_run(median=71.0, p90=72.0)),
            "fp32 on 1 x H100: 71 TFLOPS is impossible, the peak is 67 TFLOPS",
        ),
        (
            build_output(build_run(metric="memory", unit="GB/s", median=3600, p10=3600, p90=3600)),
            "the peak is 3350 GB/s",
        ),
        (build_output(build_run(metric="bf16", median=1100, p10=1000, p90=1200)), "the peak is 989 TFLOPS"),
        (build_output(build_run(median=0)), "must be a positive number"),
        (build_output(build_run(median=-5.0)), "must be a positive number"),
        (build_output(build_run(median=True)), "must be a positive number"),
        (build_output(build_run(median="50")), "must be a positive number"),
        (build_output(build_run(median=10**400)), "must be a positive number"),
        (build_output(build_run()).replace("50.0", "1e999"), "must be a positive number"),
        (build_output(build_run(p10=1e-300)), "fp32 on 1 x H100 must be 0.000001 to 1000000000, not 1e-300"),
        (build_output(build_run(p90=1e300)), r"must be 0.000001 to 1000000000, not 1e\+300"),
        (build_output(build_run(median=float("nan"))), "is not valid JSON"),
        (build_output(build_run(p10=50.5)), "the median 50 is not between p10 50.5 and p90 51"),
        (build_output(build_run(p90=49.5)), "is not between p10 49 and p90 49.5"),
        (build_output(build_run(unit="GFLOPS")), "must be in TFLOPS"),
        (build_output(build_run(metric="fp8")), "a result has an unknown metric"),
        (build_output(build_run(metric=["fp32"])), "a result has an unknown metric"),
        (build_output(build_run(gpus=2)), "must be on 1 to 1 GPUs"),
        (build_output(build_run(gpus=1.0)), "must be on 1 to 1 GPUs"),
        (build_output(build_run(), build_run()), "the report contains fp32 on 1 GPUs twice"),
        (build_output(runs=[]), "the report must contain 1 to 64 results"),
        (build_output(runs=[build_run()] * 65), "the report must contain 1 to 64 results"),
        (build_output(runs=["fp32"]), "a result is not a JSON object"),
        (build_output(runs={}), "must contain"),
        (build_output(gpu_name="NVIDIA H200"), "the report is about 'NVIDIA H200', and p5.4xlarge has H100"),
        (build_output(gpu_name="CPU"), "the report is about 'CPU'"),
        (build_output(gpu_name="x" * 81), "gpu_name must be a text of 1 to 80 printable characters"),
        (build_output(gpu_name="H100\n"), "gpu_name must be a text"),
        (build_output(gpu_name=None), "gpu_name must be a text"),
        (build_output(framework="\x1b[2J"), "framework must be a text"),
        (build_output(driver=5), "driver must be a text"),
        (build_output(count=8), "the report is about 8 GPUs, and p5.4xlarge has 1"),
        (build_output(count=True), "an unknown number of GPUs"),
        ("", "contains no report"),
        ("Done.", "contains no report"),
        (FIRST[:300], "is not valid JSON, or was cut off"),
        ('{"a": ' * 100_000, "is not valid JSON"),
        ("{}", "gpu_name must be a text"),
    ],
)
def test_invalid_output_is_rejected_with_a_reason(line: str, message: str) -> None:
    with pytest.raises(InvalidBenchmark, match=message):
        parse_and_validate(line, build_target())


def test_output_without_a_result_on_all_gpus_is_invalid() -> None:
    with pytest.raises(InvalidBenchmark, match="contains no result on all 8 GPUs"):
        parse_and_validate(build_output(build_run(), count=8), build_target("p5.48xlarge"))


def test_message_about_many_problems_is_short() -> None:
    line = build_output(
        *[build_run(metric=metric, unit="?") for metric in ("fp32", "fp16", "bf16", "memory", "training")]
    )
    with pytest.raises(InvalidBenchmark) as refused:
        parse_and_validate(line, build_target())
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("device", "name", "is_same"),
    [
        ("Tesla T4", "T4", True),
        ("NVIDIA T4G", "T4g", True),
        ("NVIDIA T4G", "T4", False),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB", True),
        ("NVIDIA A100-SXM4-80GB", "A100 40GB", False),
        ("NVIDIA L40S", "L4", False),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 Server", True),
    ],
)
def test_gpu_name_of_the_driver_matches_the_catalog(device: str, name: str, is_same: bool) -> None:
    assert is_same_gpu(device, name) is is_same


def test_comparison_has_the_newest_benchmark_of_each_type_and_the_best_value_first() -> None:
    slow = build_benchmark("g4dn.xlarge", (1, Metric.TRAINING, 4000))
    old = build_benchmark("g5.xlarge", (1, Metric.TRAINING, 99_000), at=NOW - timedelta(days=1))
    new = build_benchmark("g5.xlarge", (1, Metric.TRAINING, 9000), (1, Metric.FP32, 30))
    g5, g4dn = compare_benchmarks([new, slow, old], CATALOG)
    assert (g5.benchmark, g4dn.benchmark) == (new, slow)
    price = CATALOG.get_price("g5.xlarge", "us-east-1")
    assert price
    assert g5.price_per_hour == price
    assert g5.scores[0].per_dollar == pytest.approx(9000 / float(price), rel=1e-3)


def test_efficiency_refers_to_single_gpus_and_value_to_all_gpus() -> None:
    (output,) = compare_benchmarks(
        [
            build_benchmark(
                "g4dn.12xlarge", (1, Metric.TRAINING, 1000), (2, Metric.TRAINING, 1900), (4, Metric.TRAINING, 3000)
            )
        ],
        CATALOG,
    )
    assert [score.efficiency for score in output.scores] == [1.0, 0.95, 0.75]
    assert [score.per_dollar is not None for score in output.scores] == [False, False, True]


def test_scores_are_none_without_a_price_or_a_result_of_one_gpu() -> None:
    (output,) = compare_benchmarks([build_benchmark("p5e.48xlarge", (8, Metric.TRAINING, 3000))], CATALOG)
    assert (output.price_per_hour, output.scores[0].per_dollar, output.scores[0].efficiency) == (None, None, None)
