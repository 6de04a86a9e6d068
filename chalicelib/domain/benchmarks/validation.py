"""What a machine says that its GPUs can do: believed, or not, and why not.

Whoever is root there can say anything: it is read as such, and what is more than the GPUs can do is not believed. That
bounds what is left to believe.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.benchmarks.result import UNITS, BenchmarkTarget, Metric, MetricResult
from chalicelib.domain.catalog import gpu_names
from chalicelib.domain.catalog.instance_types import Peaks

PEAK_TOLERANCE = 1.05
"""What a GPU's clock may exceed the one that its maker's figure is of; more is a mistake of the measurement."""

MAX_RESULTS = 64
MAX_TEXT_LENGTH = 80
PRINTABLE = re.compile(rf"[\x20-\x7e]{{1,{MAX_TEXT_LENGTH}}}")


class InvalidBenchmark(ValueError):
    """What the machine said is no measurement of it; the message says why."""


@dataclass(frozen=True)
class BenchmarkOutput:
    """What the machine said, read and believed."""

    gpu_name: str
    driver: str | None
    framework: str
    cuda: str | None
    results: tuple[MetricResult, ...]


def parse_and_validate(submitted: str, subject: BenchmarkTarget) -> BenchmarkOutput:
    """Read what the machine's document printed: one line of JSON, the last that is one.

    :raises NotBelieved: it is no such line, or not of these GPUs, or more than they can do
    """
    found = _parsed(submitted)
    problems = [*_other_machine(found, subject)]
    runs = found.get("runs")
    if not isinstance(runs, list) or not 1 <= len(runs) <= MAX_RESULTS:
        raise InvalidBenchmark(f"there must be 1 to {MAX_RESULTS} figures")
    figures: dict[tuple[Metric, int], MetricResult] = {}
    for run in runs:
        try:
            figure = _figure(run, subject)
        except InvalidBenchmark as problem:
            problems.append(str(problem))
            continue
        if (figure.metric, figure.gpus) in figures:
            problems.append(f"{figure.metric} on {figure.gpus} is told twice")
        figures[figure.metric, figure.gpus] = figure
    if not problems and all(gpus != subject.gpu_count for _, gpus in figures):
        problems.append(f"nothing was measured on all {subject.gpu_count} GPUs")
    if problems:
        raise InvalidBenchmark("; ".join(problems[:3]))
    return BenchmarkOutput(
        gpu_name=_text(found, "gpu_name"),
        driver=_text_or_none(found, "driver"),
        framework=_text(found, "framework"),
        cuda=_text_or_none(found, "cuda"),
        results=tuple(figures.values()),
    )


def _parsed(submitted: str) -> dict[str, Any]:
    lines = [line.strip() for line in submitted.splitlines() if line.startswith("{")]
    if not lines:
        raise InvalidBenchmark("it printed no line of JSON with figures")
    try:
        found = json.loads(lines[-1], parse_constant=_no_number)
    except (ValueError, RecursionError) as problem:
        raise InvalidBenchmark("its line of figures is not JSON, or was cut") from problem
    if not isinstance(found, dict):
        raise InvalidBenchmark("its line of figures is no object")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _other_machine(found: Mapping[str, Any], subject: BenchmarkTarget) -> Iterator[str]:
    gpu_name, count = _text(found, "gpu_name"), found.get("count")
    if not gpu_names.is_same_gpu(gpu_name, subject.gpu):
        yield f"it measured {gpu_name!r}, and a {subject.instance_type} has {subject.gpu}"
    if type(count) is not int or count != subject.gpu_count:
        observation = count if type(count) is int and abs(count) < 1000 else "an unknown number of"
        yield f"it measured {observation} GPUs, and a {subject.instance_type} has {subject.gpu_count}"


def _figure(run: Any, subject: BenchmarkTarget) -> MetricResult:
    if not isinstance(run, dict):
        raise InvalidBenchmark("a figure is no object")
    try:
        what = Metric(str(run.get("metric")))
    except ValueError as problem:
        raise InvalidBenchmark("a figure is of something unknown") from problem
    gpus = run.get("gpus")
    if type(gpus) is not int or not 1 <= gpus <= subject.gpu_count:
        raise InvalidBenchmark(f"a figure of {what} is not on 1 to {subject.gpu_count} GPUs")
    name = f"{what} on {gpus} x {subject.gpu}"
    if run.get("unit") != UNITS[what]:
        raise InvalidBenchmark(f"{name} is not in {UNITS[what]}")
    median, p10, p90 = (_number(run.get(each), name) for each in ("median", "p10", "p90"))
    if not 0 < p10 <= median <= p90:
        raise InvalidBenchmark(f"{name}: {p10:g} to {p90:g} around a median of {median:g} is no spread")
    peak = _peak(what, subject.peaks)
    if peak is not None and median > gpus * peak * PEAK_TOLERANCE:
        can = f"{gpus * peak:g} {UNITS[what]}"
        raise InvalidBenchmark(f"{name}: {median:g} {UNITS[what]} is impossible, their peak is {can}")
    return MetricResult(gpus=gpus, metric=what, median=median, p10=p10, p90=p90, plausibility_checked=peak is not None)


def _number(value: Any, name: str) -> float:
    """Of what JSON can hold: truth values are numbers to Python, and whole numbers may be longer than any float."""
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise InvalidBenchmark(f"{name} is no positive number")
    return number


def _peak(what: Metric, peaks: Peaks) -> float | None:
    match what:
        case Metric.FP32:
            return peaks.fp32_tflops
        case Metric.FP16 | Metric.BF16:
            return peaks.fp16_bf16_tflops
        case Metric.MEMORY:
            return peaks.memory_gb_per_s
        case Metric.TRAINING:
            return None


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not PRINTABLE.fullmatch(value):
        raise InvalidBenchmark(f"{name} must be a text of 1 to {MAX_TEXT_LENGTH} printable characters")
    return value


def _text_or_none(found: Mapping[str, Any], name: str) -> str | None:
    return None if found.get(name) is None else _text(found, name)
