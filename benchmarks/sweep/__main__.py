"""Print two tables in Markdown: `make benchmark-sweep [COUNTS=1,10]`.

The run takes some minutes, and at 1,000 instances it downloads Cloud Custodian from PyPI.
"""

import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sweep import custodian
from benchmarks.sweep.measurement import Measurement, ServedCloud, measure_product
from local.isolation import clear_aws_environment

COUNTS = (1, 10, 100, 1000, 10_000)
COMPARED_COUNT = 1000
MAX_MB = {1000: 200, 10_000: 512}

OPERATIONS = (
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "dynamodb:Query",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
)


@dataclass(frozen=True)
class Comparison:
    """The costs of one sweep and of one run of Cloud Custodian.

    :param start: the product on an empty cloud
    :param empty: Cloud Custodian in an empty region
    :param requests: those of Cloud Custodian
    """

    start: Measurement
    product: Measurement
    empty: custodian.CustodianRun
    full: custodian.CustodianRun
    requests: int
    read_bytes: int


def compute_floor(count: int, index_pages: int) -> int:
    """Return the least number of calls for a sweep: pages of EC2, of heartbeats and of the index, and six more.

    The six: take and release the lease, read the settings, the owners, the images and the scheduled events.
    """
    return math.ceil(count / 1000) + math.ceil(count / 100) + index_pages + 6


def print_product_table(measurements: Sequence[Measurement]) -> None:
    """Print what a sweep costs, and whether the targets are met."""
    names = [operation.partition(":")[2] for operation in OPERATIONS]
    print(f"| instances | calls | floor | {' | '.join(names)} | others | CPU seconds | peak MB | bytes read |")
    print("|" + "---|" * (len(names) + 7))
    for each in measurements:
        calls = [each.calls.get(operation, 0) for operation in OPERATIONS]
        total = sum(each.calls.values())
        cells = [
            f"{each.count:,}",
            total,
            compute_floor(each.count, each.index_pages),
            *calls,
            total - sum(calls),
            f"{each.cpu_seconds:.2f}",
            f"{each.peak_mb:.0f}",
            f"{each.read_bytes:,}",
        ]
        print(f"| {' | '.join(map(str, cells))} |")
    print()
    by_count = {each.count: each for each in measurements}
    worst = max(
        sum(each.calls.values()) / compute_floor(each.count, each.index_pages) for each in measurements if each.count
    )
    _print_target("calls, at most 1.1 times the floor", worst, 1.1)
    if {1000, 10_000} <= by_count.keys():
        growth = by_count[10_000].cpu_seconds / by_count[1000].cpu_seconds
        _print_target("CPU time at 10,000, at most 11 times that at 1,000", growth, 11)
    for count, limit in MAX_MB.items():
        if count in by_count:
            _print_target(f"peak memory at {count:,}, at most {limit} MB", by_count[count].peak_mb, limit)


def compare(cloud: ServedCloud, start: Measurement, product: Measurement) -> Comparison:
    """Run Cloud Custodian on the cloud that the product was measured on.

    :param start: the product on an empty cloud
    """
    with tempfile.TemporaryDirectory() as folder:
        program = custodian.install(Path(folder))
        empty = custodian.run(program, cloud.environment, custodian.EMPTY_REGION)
        cloud.read_counts()
        full = custodian.run(program, cloud.environment, "us-east-1")
        counts = cloud.read_counts()
    return Comparison(start, product, empty, full, counts["requests"], counts["sent_bytes"])


def print_comparison(compared: Comparison) -> None:
    """Print the costs of both programs."""
    start, product, empty, full = compared.start, compared.product, compared.empty, compared.full
    own, other = product.first_cpu_seconds - start.first_cpu_seconds, full.cpu_seconds - empty.cpu_seconds
    print(f"\n| {COMPARED_COUNT:,} instances | gpudesk | Cloud Custodian ({custodian.REQUIREMENT}) |")
    print("|---|---|---|")
    print(f"| CPU seconds of the start | {start.first_cpu_seconds:.2f} | {empty.cpu_seconds:.2f} |")
    print(f"| CPU seconds beyond the start | {own:.2f} | {other:.2f} |")
    print(f"| requests | {product.requests:,} | {compared.requests:,} |")
    print(f"| bytes read | {product.read_bytes:,} | {compared.read_bytes:,} |")
    print(f"| peak MB | {product.peak_mb:.0f} | {full.peak_mb:.0f} |")
    print(f"| instances examined, instances found | {product.examined:,} | {full.found:,} |\n")
    _print_target("CPU time beyond the start, at most half of Cloud Custodian's", own / other, 0.5)


def _print_target(name: str, value: float, limit: float) -> None:
    print(f"- {name}: {value:.2f}, {'met' if value <= limit else 'missed'}")


def main() -> int:
    """Measure, and print the tables."""
    clear_aws_environment(os.environ)
    counts = [int(text) for text in os.environ.get("COUNTS", "").split(",") if text] or COUNTS
    measurements: list[Measurement] = []
    comparison = None
    with ServedCloud(0) as cloud:
        start = measure_product(cloud)
    for count in counts:
        with ServedCloud(count) as cloud:
            measurements.append(measure_product(cloud))
            if count == COMPARED_COUNT:
                comparison = compare(cloud, start, measurements[-1])
        print(f"{count:,} instances are measured.", file=sys.stderr)
    print_product_table(measurements)
    if comparison:
        print_comparison(comparison)
    return 0


if __name__ == "__main__":
    sys.exit(main())
