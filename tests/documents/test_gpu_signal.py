"""What nvidia-smi's words mean for the question whether the GPUs are in use."""

import subprocess
from pathlib import Path

import pytest

from chalicelib.domain.activity.evidence import State
from ssm_documents.probe.gpu import GpuSensor, judge


@pytest.mark.parametrize(
    ("output", "expected", "state", "reason"),
    [
        ("0, 0\n", 1, State.QUIET, "every GPU below 5 % (1 seen)"),
        ("0, 4\n", 1, State.QUIET, "every GPU below 5 % (1 seen)"),
        ("0, 5\n", 1, State.ACTIVE, "GPU 0 of 1 at 5 %"),
        ("0, 0\n1, 97\n2, 0\n3, 0\n", 4, State.ACTIVE, "GPU 1 of 4 at 97 %"),
        ("0, 30\n1, 97\n", 2, State.ACTIVE, "GPU 1 of 2 at 97 %, 2 GPUs busy"),
        ("0, 0\n1, 0\n\n", 2, State.QUIET, "every GPU below 5 % (2 seen)"),
        ("0, 0\n", 2, State.UNKNOWN, "1 of 2 GPUs readable"),
        ("", 1, State.UNKNOWN, "0 of 1 GPUs readable; nvidia-smi said: nothing"),
        ("0, [N/A]\n", 1, State.UNKNOWN, "0 of 1 GPUs readable"),
        ("0, 0\n1, [Unknown Error]\n", 2, State.UNKNOWN, "1 of 2 GPUs readable"),
        ("0, 99\n1, [Unknown Error]\n", 2, State.ACTIVE, "GPU 0 of 2 at 99 %"),
        ("0, 0\n0, 0\n", 2, State.UNKNOWN, "1 of 2 GPUs readable"),
        ("No devices were found\n", 1, State.UNKNOWN, "No devices were found"),
        ("0, -1\n", 1, State.UNKNOWN, "0 of 1 GPUs readable"),
        ("0, 0\n1, 0\n2, 0\n", 2, State.QUIET, "every GPU below 5 % (3 seen)"),
    ],
)
def test_what_a_listing_means(output: str, expected: int, state: State, reason: str) -> None:
    reading = judge(output, expected)
    assert reading.state is state
    assert reason in reading.reason


def test_the_sensor_asks_each_time_it_looks() -> None:
    answers = iter(["0, 0\n", "0, 50\n"])
    sensor = GpuSensor(1, ask=lambda: next(answers))
    assert [sensor.read().state, sensor.read().state] == [State.QUIET, State.ACTIVE]


def test_an_nvidia_smi_that_fails_or_is_not_there_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="nvidia-smi"):
        GpuSensor(1).read()
    fake = tmp_path / "nvidia-smi"
    fake.write_text("#!/bin/sh\necho 'Failed to initialize NVML'\nexit 9\n", encoding="utf-8")
    fake.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError):
        GpuSensor(1).read()
