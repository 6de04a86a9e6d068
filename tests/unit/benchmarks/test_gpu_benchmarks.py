"""What measurements are believed, and how types compare by them; those of the H100 and H200 were really made."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.benchmarks.result import Benchmark, BenchmarkTarget, Metric, MetricResult, compare_benchmarks
from chalicelib.domain.benchmarks.validation import InvalidBenchmark, parse_and_validate
from chalicelib.domain.catalog.gpu_names import is_same_gpu
from chalicelib.domain.catalog.instance_types import Peaks
from chalicelib.store import data_files

GOLDEN = Path(__file__).parents[2] / "golden" / "benchmarks"
FIRST, SECOND, H200 = ((GOLDEN / f"{name}.json").read_text(encoding="utf-8") for name in ("h100_1", "h100_2", "h200"))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
catalogue = data_files.load_catalog()


def subject(instance_type: str = "p5.4xlarge", **changes: Any) -> BenchmarkTarget:
    kind = catalogue.get_type(instance_type)
    assert kind.gpu
    values = {"gpu": kind.gpu, "gpu_count": kind.gpu_count, "peaks": catalogue.peaks[kind.gpu], **changes}
    return BenchmarkTarget(instance_type=instance_type, region="us-east-1", **values)


def said(*runs: dict[str, Any], **changes: Any) -> str:
    """The first golden line with something else in it."""
    whole = json.loads(FIRST)
    return json.dumps({**whole, "runs": list(runs) or whole["runs"], **changes})


def run(**changes: Any) -> dict[str, Any]:
    figure = {"gpus": 1, "metric": "fp32", "unit": "TFLOPS", "median": 50.0, "p10": 49.0, "p90": 51.0}
    return {**figure, **changes}


def benchmark(instance_type: str, *figures: tuple[int, Metric, float], at: datetime = NOW) -> Benchmark:
    kind = catalogue.get_type(instance_type)
    return Benchmark(
        id=f"{instance_type}.{at.isoformat()}",
        instance_id="gd-1",
        owner="ada",
        instance_type=instance_type,
        region="us-east-1",
        gpu=kind.gpu or "",
        gpu_count=kind.gpu_count,
        measured_at=at,
        gpu_name="a GPU",
        driver="580",
        framework="PyTorch",
        cuda="13.0",
        results=tuple(
            MetricResult(gpus=gpus, metric=what, median=median, p10=median, p90=median, plausibility_checked=True)
            for gpus, what, median in figures
        ),
    )


@pytest.mark.parametrize("line", [FIRST, SECOND, f"Attempt x has already done this step.\n{FIRST}"])
def test_what_an_h100_really_did_is_believed(line: str) -> None:
    found = parse_and_validate(line, subject())
    assert (found.gpu_name, found.driver) == ("NVIDIA H100 80GB HBM3", "580.159.04")
    assert (found.framework, found.cuda) == ("PyTorch 2.11.0+cu130", "13.0")
    assert [result.metric for result in found.results] == list(Metric)
    assert [result.plausibility_checked for result in found.results] == [True, True, True, True, False], (
        "no peak of training is known"
    )
    assert 50 < found.results[0].median < 67


def test_what_an_h200_really_did_is_believed_of_it_and_not_of_an_h100() -> None:
    found = parse_and_validate(H200, subject("p5en.48xlarge", gpu_count=1))
    assert [result.plausibility_checked for result in found.results] == [True, True, True, True, False]
    with pytest.raises(InvalidBenchmark):
        parse_and_validate(H200, subject())


def test_a_figure_without_a_known_peak_is_kept_and_marked() -> None:
    found = parse_and_validate(FIRST, subject(peaks=Peaks(fp32_tflops=67)))
    assert {result.metric: result.plausibility_checked for result in found.results if result.plausibility_checked} == {
        Metric.FP32: True
    }


def test_a_clock_a_little_above_the_makers_is_believed() -> None:
    assert parse_and_validate(said(run(median=67 * 1.04, p90=70.0)), subject()).results[0].plausibility_checked


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (said(run(median=71.0, p90=72.0)), "fp32 on 1 x H100: 71 TFLOPS is impossible, their peak is 67 TFLOPS"),
        (said(run(metric="memory", unit="GB/s", median=3600, p10=3600, p90=3600)), "their peak is 3350 GB/s"),
        (said(run(metric="bf16", median=1100, p10=1000, p90=1200)), "their peak is 989 TFLOPS"),
        (said(run(median=0)), "no positive number"),
        (said(run(median=-5.0)), "no positive number"),
        (said(run(median=True)), "no positive number"),
        (said(run(median="50")), "no positive number"),
        (said(run(median=10**400)), "no positive number"),
        (said(run()).replace("50.0", "1e999"), "no positive number"),
        (said(run(median=float("nan"))), "is not JSON"),
        (said(run(p10=50.5)), "49|50.5 to 51 around a median of 50 is no spread"),
        (said(run(p90=49.5)), "is no spread"),
        (said(run(unit="GFLOPS")), "is not in TFLOPS"),
        (said(run(metric="fp8")), "of something unknown"),
        (said(run(metric=["fp32"])), "of something unknown"),
        (said(run(gpus=2)), "is not on 1 to 1 GPUs"),
        (said(run(gpus=1.0)), "is not on 1 to 1 GPUs"),
        (said(run(), run()), "is told twice"),
        (said(runs=[]), "there must be 1 to 64 figures"),
        (said(runs=[run()] * 65), "there must be 1 to 64 figures"),
        (said(runs=["fp32"]), "a figure is no object"),
        (said(runs={}), "there must be"),
        (said(gpu_name="NVIDIA H200"), "it measured 'NVIDIA H200', and a p5.4xlarge has H100"),
        (said(gpu_name="CPU"), "it measured 'CPU'"),
        (said(gpu_name="x" * 81), "gpu_name must be a text of 1 to 80 printable characters"),
        (said(gpu_name="H100\n"), "gpu_name must be a text"),
        (said(gpu_name=None), "gpu_name must be a text"),
        (said(framework="\x1b[2J"), "framework must be a text"),
        (said(driver=5), "driver must be a text"),
        (said(count=8), "it measured 8 GPUs, and a p5.4xlarge has 1"),
        (said(count=True), "an unknown number of GPUs"),
        ("", "no line of JSON"),
        ("Done.", "no line of JSON"),
        (FIRST[:300], "is not JSON, or was cut"),
        ('{"a": ' * 100_000, "is not JSON"),
        ("{}", "gpu_name must be a text"),
    ],
)
def test_what_cannot_be_is_not_believed_and_told_why(line: str, why: str) -> None:
    with pytest.raises(InvalidBenchmark, match=why):
        parse_and_validate(line, subject())


def test_what_was_not_measured_on_all_gpus_says_nothing_of_the_type() -> None:
    with pytest.raises(InvalidBenchmark, match="nothing was measured on all 8 GPUs"):
        parse_and_validate(said(run(), count=8), subject("p5.48xlarge"))


def test_many_things_that_are_wrong_are_told_in_few_words() -> None:
    line = said(*[run(metric=what, unit="?") for what in ("fp32", "fp16", "bf16", "memory", "training")])
    with pytest.raises(InvalidBenchmark) as refused:
        parse_and_validate(line, subject())
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("device", "name", "is_it"),
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
def test_a_driver_calls_a_gpu_by_more_words_than_people_do(device: str, name: str, is_it: bool) -> None:
    assert is_same_gpu(device, name) is is_it


def test_types_compare_by_the_newest_measurement_and_what_trains_most_for_a_dollar_comes_first() -> None:
    slow = benchmark("g4dn.xlarge", (1, Metric.TRAINING, 4000))
    old = benchmark("g5.xlarge", (1, Metric.TRAINING, 99_000), at=NOW - timedelta(days=1))
    new = benchmark("g5.xlarge", (1, Metric.TRAINING, 9000), (1, Metric.FP32, 30))
    g5, g4dn = compare_benchmarks([new, slow, old], catalogue)
    assert (g5.benchmark, g4dn.benchmark) == (new, slow)
    price = catalogue.get_price("g5.xlarge", "us-east-1")
    assert price
    assert g5.price_per_hour == price
    assert g5.scores[0].per_dollar == pytest.approx(9000 / float(price), rel=1e-3)


def test_efficiency_is_of_as_many_single_gpus_and_a_part_of_the_gpus_is_worth_no_dollar() -> None:
    (found,) = compare_benchmarks(
        [
            benchmark(
                "g4dn.12xlarge", (1, Metric.TRAINING, 1000), (2, Metric.TRAINING, 1900), (4, Metric.TRAINING, 3000)
            )
        ],
        catalogue,
    )
    assert [score.efficiency for score in found.scores] == [1.0, 0.95, 0.75]
    assert [score.per_dollar is not None for score in found.scores] == [False, False, True]


def test_without_a_price_or_a_single_gpus_figure_nothing_is_made_up() -> None:
    (found,) = compare_benchmarks([benchmark("p5e.48xlarge", (8, Metric.TRAINING, 3000))], catalogue)
    assert (found.price_per_hour, found.scores[0].per_dollar, found.scores[0].efficiency) == (None, None, None)
