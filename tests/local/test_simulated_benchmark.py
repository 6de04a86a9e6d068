"""The simulated benchmark of `make run SIMULATE=1` has the metrics that the real one would measure."""

import json
from dataclasses import replace

import pytest

from local.demo.simulated_benchmark import simulate_benchmark
from tests.local.machines.build import spec


@pytest.mark.parametrize(
    ("instance_type", "gpu", "has_bf16"),
    [("g4dn.xlarge", "T4", False), ("g5.xlarge", "A10G", True), ("p3.2xlarge", "V100", False)],
)
def test_bf16_is_measured_from_compute_capability_8_on(instance_type: str, gpu: str, has_bf16: bool) -> None:
    status, output, _ = simulate_benchmark(replace(spec(gpu=gpu), instance_type=instance_type))
    metrics = {run["metric"] for run in json.loads(output)["runs"]}
    assert status == 0
    assert metrics - {"bf16"} == {"fp32", "fp16", "memory", "training"}
    assert ("bf16" in metrics) is has_bf16
