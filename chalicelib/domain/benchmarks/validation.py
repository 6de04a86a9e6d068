"""Validation of the output of a benchmark.

A user with root access on the instance can print anything. So the output is parsed strictly, and results above the peak
of the GPU are rejected. A wrong result below the peak cannot be detected.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.benchmarks.result import UNITS, BenchmarkTarget, Metric, MetricResult
from chalicelib.domain.catalog import gpu_names
from chalicelib.domain.catalog.gpu_models import Peaks

PEAK_TOLERANCE = 1.05
"""A GPU may run with a higher clock than the one for which its vendor publishes the peak. A result above this factor is
an error of the measurement."""

MIN_FIGURE, MAX_FIGURE = 1e-6, 1e9
"""Bounds of every figure. The slowest CPU and the largest instance type are far from them, and DynamoDB stores them."""

MAX_RESULTS = 64
MAX_PROBLEMS = 3
MAX_TEXT_LENGTH = 80
PRINTABLE = re.compile(rf"[\x20-\x7e]{{1,{MAX_TEXT_LENGTH}}}")


class InvalidBenchmark(ValueError):
    """The output is not a valid benchmark of the instance. The message says why, as a clause."""


@dataclass(frozen=True)
class BenchmarkOutput:
    """Validated output of a benchmark."""

    gpu_name: str
    driver: str | None
    framework: str
    cuda: str | None
    results: tuple[MetricResult, ...]


def parse_and_validate(output: str, target: BenchmarkTarget) -> BenchmarkOutput:
    """Parse the output of the benchmark document. The last line that begins with { is the report, in JSON.

    :raises InvalidBenchmark: there is no report, it is not about the GPUs of the target, or a result is impossible
    """
    report = _parse_report(output)
    problems = [*_find_target_mismatch(report, target)]
    runs = report.get("runs")
    if not isinstance(runs, list) or not 1 <= len(runs) <= MAX_RESULTS:
        raise InvalidBenchmark(f"the report must contain 1 to {MAX_RESULTS} results")
    results: dict[tuple[Metric, int], MetricResult] = {}
    for run in runs:
        try:
            result = _parse_result(run, target)
        except InvalidBenchmark as problem:
            problems.append(str(problem))
            continue
        if (result.metric, result.gpus) in results:
            problems.append(f"the report contains {result.metric} on {result.gpus} GPUs twice")
        results[result.metric, result.gpus] = result
    if not problems and all(gpus != target.gpu_count for _, gpus in results):
        problems.append(f"the report contains no result on all {target.gpu_count} GPUs")
    if problems:
        raise InvalidBenchmark("; ".join(problems[:MAX_PROBLEMS]))
    return BenchmarkOutput(
        gpu_name=_read_text(report, "gpu_name"),
        driver=_read_optional_text(report, "driver"),
        framework=_read_text(report, "framework"),
        cuda=_read_optional_text(report, "cuda"),
        results=tuple(results.values()),
    )


def _parse_report(output: str) -> dict[str, Any]:
    lines = [line.strip() for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise InvalidBenchmark("the output contains no report")
    try:
        report = json.loads(lines[-1], parse_constant=_reject_constant)
    except (ValueError, RecursionError) as problem:
        raise InvalidBenchmark("the report is not valid JSON, or was cut off") from problem
    if not isinstance(report, dict):
        raise InvalidBenchmark("the report is not a JSON object")
    return report


def _reject_constant(name: str) -> Any:
    """Reject NaN and Infinity, which Python accepts in JSON."""
    raise ValueError(name)


def _find_target_mismatch(report: Mapping[str, Any], target: BenchmarkTarget) -> Iterator[str]:
    gpu_name, count = _read_text(report, "gpu_name"), report.get("count")
    if not gpu_names.is_same_gpu(gpu_name, target.gpu):
        yield f"the report is about {gpu_name!r}, and {target.instance_type} has {target.gpu}"
    if type(count) is not int or count != target.gpu_count:
        reported = count if type(count) is int and abs(count) < 1000 else "an unknown number of"
        yield f"the report is about {reported} GPUs, and {target.instance_type} has {target.gpu_count}"


def _parse_result(run: Any, target: BenchmarkTarget) -> MetricResult:
    if not isinstance(run, dict):
        raise InvalidBenchmark("a result is not a JSON object")
    try:
        metric = Metric(str(run.get("metric")))
    except ValueError as problem:
        raise InvalidBenchmark("a result has an unknown metric") from problem
    gpus = run.get("gpus")
    if type(gpus) is not int or not 1 <= gpus <= target.gpu_count:
        raise InvalidBenchmark(f"a result of {metric} must be on 1 to {target.gpu_count} GPUs")
    name, unit = f"{metric} on {gpus} x {target.gpu}", UNITS[metric]
    if run.get("unit") != unit:
        raise InvalidBenchmark(f"{name} must be in {unit}")
    median, p10, p90 = (_parse_number(run.get(field), name) for field in ("median", "p10", "p90"))
    if not 0 < p10 <= median <= p90:
        raise InvalidBenchmark(f"{name}: the median {median:g} is not between p10 {p10:g} and p90 {p90:g}")
    peak = _find_peak(metric, target.peaks)
    if peak is not None and median > gpus * peak * PEAK_TOLERANCE:
        raise InvalidBenchmark(f"{name}: {median:g} {unit} is impossible, the peak is {gpus * peak:g} {unit}")
    return MetricResult(
        gpus=gpus, metric=metric, median=median, p10=p10, p90=p90, plausibility_checked=peak is not None
    )


def _parse_number(value: Any, name: str) -> float:
    """Return a positive number from JSON. In Python, true is an int, and an int may be too large for a float."""
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise InvalidBenchmark(f"{name} must be a positive number")
    if not MIN_FIGURE <= number <= MAX_FIGURE:
        raise InvalidBenchmark(f"{name} must be {MIN_FIGURE:f} to {MAX_FIGURE:.0f}, not {number:g}")
    return number


def _find_peak(metric: Metric, peaks: Peaks) -> float | None:
    match metric:
        case Metric.FP32:
            return peaks.fp32_tflops
        case Metric.FP16 | Metric.BF16:
            return peaks.fp16_bf16_tflops
        case Metric.MEMORY:
            return peaks.memory_gb_per_s
        case Metric.TRAINING:
            return None


def _read_text(report: Mapping[str, Any], name: str) -> str:
    value = report.get(name)
    if not isinstance(value, str) or not PRINTABLE.fullmatch(value):
        raise InvalidBenchmark(f"{name} must be a text of 1 to {MAX_TEXT_LENGTH} printable characters")
    return value


def _read_optional_text(report: Mapping[str, Any], name: str) -> str | None:
    return None if report.get(name) is None else _read_text(report, name)
