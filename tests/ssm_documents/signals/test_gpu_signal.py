"""GPU signal: readings from recorded responses of NVML."""

# ruff: noqa: N802  the functions of NVML have NVML's names

import importlib
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.gpu import GpuSensor
from ssm_documents.probe.signals.nvml import HINTS

GIB = 1024**3


class NvmlError(Exception):
    """An error like that of pynvml, which has only a message."""


@dataclass
class Gpu:
    """One GPU. `samples` are those stored by the driver: microseconds and percent."""

    percent: int = 0
    samples: list[tuple[int, int]] = field(default_factory=list)
    holders: list[tuple[int, int | None]] = field(default_factory=list)
    is_mig: bool = False
    fault: str | Exception = ""
    draws: bool = True


class RecordedNvml:
    """The functions of pynvml that the sensor calls, with the behavior of a driver."""

    NVML_GPU_UTILIZATION_SAMPLES = 1

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = list(gpus)
        self.fault: str | Exception = ""
        self.used_bytes = 3 * GIB
        self.opened = 0
        self.must_hang = False
        self.hangs = threading.Event()

    def nvmlInit(self) -> None:
        self.opened += 1
        self._check(self.fault)

    def nvmlShutdown(self) -> None:
        self._check(self.fault)

    def nvmlDeviceGetCount(self) -> int:
        if self.must_hang:
            self.hangs.set()
            threading.Event().wait(timeout=60)
        self._check(self.fault)
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:
        return self.gpus[index]

    def nvmlDeviceGetMigMode(self, gpu: Gpu) -> list[int]:
        self._check("" if gpu.is_mig else "Not Supported")
        return [1, 1]

    def nvmlDeviceGetUtilizationRates(self, gpu: Gpu) -> Any:
        self._check(gpu.fault)
        return SimpleNamespace(gpu=gpu.percent, memory=0)

    def nvmlDeviceGetSamples(self, gpu: Gpu, kind: int, since: int) -> tuple[int, list[Any]]:
        newer = [sample for sample in gpu.samples if sample[0] > since]
        self._check("" if newer and kind == self.NVML_GPU_UTILIZATION_SAMPLES else "Not Found")
        unwritten = SimpleNamespace(timeStamp=0, sampleValue=SimpleNamespace(uiVal=77))
        return 1, [
            *(SimpleNamespace(timeStamp=at, sampleValue=SimpleNamespace(uiVal=percent)) for at, percent in newer),
            unwritten,
        ]

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: Gpu) -> list[Any]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in gpu.holders]

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu: Gpu) -> list[Any]:
        return [SimpleNamespace(pid=1, usedGpuMemory=None)] if gpu.draws else []

    def nvmlDeviceGetMemoryInfo(self, gpu: Gpu) -> Any:
        return SimpleNamespace(used=self.used_bytes)

    def _check(self, fault: str | Exception) -> None:
        if fault:
            raise fault if isinstance(fault, Exception) else NvmlError(fault)


class Clock:
    """A clock in seconds, which the test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def sensor(nvml: RecordedNvml, expected: int | None = None, clock: Clock | None = None) -> GpuSensor:
    expected = len(nvml.gpus) if expected is None else expected
    return GpuSensor(
        expected, 60, load=lambda: nvml, clock=clock or Clock(), read_process_name=lambda pid: f"program{pid}"
    )


def look(one: GpuSensor, samples: int = 1, percent: int = 5) -> Reading:
    for _ in range(samples):
        one.take_sample()
    return one.read(Thresholds(gpu_percent=percent))


@pytest.mark.parametrize(
    ("percents", "state", "reason"),
    [
        ([0], SignalState.QUIET, "the GPU is below 5 %"),
        ([4], SignalState.QUIET, "the GPU is below 5 %"),
        ([5], SignalState.ACTIVE, "GPU 0 of 1 at 5 %"),
        ([0, 97, 0, 0], SignalState.ACTIVE, "GPU 1 of 4 at 97 %"),
        ([30, 97], SignalState.ACTIVE, "GPU 1 of 2 at 97 %, 2 GPUs busy"),
        ([0] * 8, SignalState.QUIET, "all 8 GPUs are below 5 %"),
    ],
)
def test_one_active_gpu_is_active_and_all_must_be_quiet(percents: list[int], state: SignalState, reason: str) -> None:
    assert look(sensor(RecordedNvml(*(Gpu(percent) for percent in percents)))) == Reading(state, reason)


def test_threshold_is_that_of_the_policy() -> None:
    one = sensor(RecordedNvml(Gpu(20)))
    assert [look(one, percent=percent).state for percent in (20, 21)] == [SignalState.ACTIVE, SignalState.QUIET]


def test_burst_between_two_readings_is_active_once() -> None:
    nvml = RecordedNvml(Gpu(0))
    one = sensor(nvml)
    look(one)
    nvml.gpus[0].percent = 60
    one.take_sample()
    nvml.gpus[0].percent = 0
    assert look(one, samples=5) == Reading(SignalState.ACTIVE, "GPU 0 of 1 at 60 %")
    assert look(one, samples=5).state is SignalState.QUIET


def test_burst_between_two_samples_is_in_the_samples_of_the_driver() -> None:
    nvml = RecordedNvml(Gpu(0, samples=[(1_000, 0)]))
    one = sensor(nvml)
    assert look(one).state is SignalState.QUIET
    nvml.gpus[0].samples += [(2_000, 40), (3_000, 0)]
    assert look(one) == Reading(SignalState.ACTIVE, "GPU 0 of 1 at 40 %")
    assert look(one).state is SignalState.QUIET


def test_invalid_sample_of_the_driver_is_ignored() -> None:
    assert look(sensor(RecordedNvml(Gpu(0, samples=[(1_000, 4_294_967_295)])))).state is SignalState.QUIET


def test_fewer_gpus_than_expected_is_unknown() -> None:
    assert look(sensor(RecordedNvml(Gpu(0)), expected=8)) == Reading(
        SignalState.UNKNOWN, "1 of 8 GPUs found; stop and start the instance to get other hardware"
    )


def test_active_gpu_is_active_although_another_is_unreadable() -> None:
    assert look(sensor(RecordedNvml(Gpu(50)), expected=2)).state is SignalState.ACTIVE


def test_gpu_in_mig_mode_is_unknown_with_a_reason() -> None:
    reading = look(sensor(RecordedNvml(Gpu(0), Gpu(0, is_mig=True))))
    reason = "GPU 1 is in MIG mode: no utilization; use an idle policy without gpu"
    assert reading == Reading(SignalState.UNKNOWN, reason)


def test_fault_is_unknown_for_one_reading_and_the_library_is_opened_again() -> None:
    nvml = RecordedNvml(Gpu(0))
    one = sensor(nvml)
    look(one)
    nvml.gpus[0].fault = "GPU is lost"
    assert look(one, samples=3) == Reading(SignalState.UNKNOWN, "GPU 0: GPU is lost")
    nvml.gpus[0].fault = ""
    assert look(one).state is SignalState.QUIET
    assert nvml.opened > 1


def test_active_gpu_is_active_although_another_is_lost() -> None:
    assert look(sensor(RecordedNvml(Gpu(0, fault="GPU is lost"), Gpu(50)))).state is SignalState.ACTIVE


def test_one_failed_sample_prevents_quiet() -> None:
    nvml = RecordedNvml(Gpu(0))
    one = sensor(nvml)
    look(one)
    one.take_sample()
    nvml.fault = "Unknown Error"
    one.take_sample()
    nvml.fault = ""
    assert look(one, samples=2) == Reading(SignalState.UNKNOWN, "NVML: Unknown Error")
    assert look(one).state is SignalState.QUIET


def test_unopenable_library_is_tried_once_per_reading() -> None:
    nvml = RecordedNvml(Gpu(0))
    nvml.fault = "Driver Not Loaded"
    one = sensor(nvml)
    assert [look(one, samples=4) for _ in range(3)] == [Reading(SignalState.UNKNOWN, "NVML: Driver Not Loaded")] * 3
    assert nvml.opened == 3


def test_missing_nvml_is_unknown_with_a_reason() -> None:
    pynvml: Any = importlib.import_module("pynvml")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        one = GpuSensor(1, 60)
        one.take_sample()
        assert one.read(Thresholds()) == Reading(
            SignalState.UNKNOWN, "NVML: NVML Shared Library Not Found; use an idle policy without gpu"
        )
    else:
        pynvml.nvmlShutdown()
        pytest.skip("this computer has an NVIDIA driver")


def test_allocated_memory_is_quiet_and_named() -> None:
    nvml = RecordedNvml(Gpu(0, holders=[(4242, int(12.3 * GIB))]), Gpu(0, holders=[(7, GIB)]))
    reason = "program4242 (4242) holds 12.3 GiB on GPU 0 and computes nothing (1 more process holds memory)"
    assert look(sensor(nvml)) == Reading(SignalState.QUIET, reason)


def test_memory_of_the_whole_gpu_is_named_if_that_of_the_process_is_unknown() -> None:
    reading = look(sensor(RecordedNvml(Gpu(0, holders=[(4242, None)]))))
    assert reading == Reading(SignalState.QUIET, "program4242 (4242) holds 3.0 GiB on GPU 0 and computes nothing")


@pytest.mark.parametrize("held", [2**64 - 1, -1])
def test_impossible_memory_is_not_named(held: int) -> None:
    nvml = RecordedNvml(Gpu(0, holders=[(4242, held)]))
    assert look(sensor(nvml)).reason == "program4242 (4242) holds 3.0 GiB on GPU 0 and computes nothing"
    nvml.used_bytes = 2**64 - 1
    assert look(sensor(nvml)).reason == "program4242 (4242) holds memory on GPU 0 and computes nothing"


@pytest.mark.parametrize("percent", [101, 4_294_967_295, -1])
def test_impossible_utilization_is_unknown(percent: int) -> None:
    reason = f"GPU 0: a utilization of {percent} % is impossible; stop and start the instance"
    assert look(sensor(RecordedNvml(Gpu(percent)))) == Reading(SignalState.UNKNOWN, reason)
    assert look(sensor(RecordedNvml(Gpu(percent), Gpu(50)))).state is SignalState.ACTIVE


def test_active_gpu_without_a_process_is_active_and_says_so() -> None:
    nvml = RecordedNvml(Gpu(0), Gpu(100, draws=False))
    one = sensor(nvml)
    assert look(one, samples=2) == Reading(SignalState.ACTIVE, "GPU 1 of 2 at 100 %, no process on it")
    one.take_sample()
    nvml.gpus[1].holders = [(4242, GIB)]
    assert look(one) == Reading(SignalState.ACTIVE, "GPU 1 of 2 at 100 %"), "a process was on it for a while"
    nvml.gpus[1].holders = []
    assert look(one).reason == "GPU 1 of 2 at 100 %, no process on it"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (3, "use an idle policy without gpu"),
        (9, "stop and start the instance"),
        (15, "stop and start the instance to get other hardware"),
        (18, "stop and start the instance"),
        (999, "stop and start the instance"),
    ],
)
def test_known_error_of_nvml_is_unknown_with_what_helps(number: int, hint: str) -> None:
    pynvml: Any = importlib.import_module("pynvml")
    nvml = RecordedNvml(Gpu(0))
    nvml.fault = error = pynvml.NVMLError(number)
    text = str(error).rstrip(".")
    assert look(sensor(nvml)) == Reading(SignalState.UNKNOWN, f"NVML: {text}; {hint}")
    nvml.fault, nvml.gpus[0].fault = "", error
    assert look(sensor(nvml)) == Reading(SignalState.UNKNOWN, f"GPU 0: {text}; {hint}")


def test_hints_name_errors_of_nvml() -> None:
    pynvml: Any = importlib.import_module("pynvml")
    names = {value: name for name, value in vars(pynvml).items() if name.startswith("NVML_ERROR_")}
    assert {names[number] for number in HINTS} == {
        f"NVML_ERROR_{name}"
        for name in (
            *("NOT_SUPPORTED", "DRIVER_NOT_LOADED", "IRQ_ISSUE", "LIBRARY_NOT_FOUND", "CORRUPTED_INFOROM"),
            *("GPU_IS_LOST", "RESET_REQUIRED", "OPERATING_SYSTEM", "LIB_RM_VERSION_MISMATCH", "UNKNOWN"),
        )
    }


def test_old_samples_are_unknown() -> None:
    clock = Clock()
    one = sensor(RecordedNvml(Gpu(0)), clock=clock)
    one.take_sample()
    clock.now = 29
    assert look(one, samples=0).state is SignalState.QUIET
    one.take_sample()
    clock.now += 31
    assert look(one, samples=0) == Reading(SignalState.UNKNOWN, "NVML has not answered for 31 s")


def test_hanging_library_is_unknown_and_does_not_block_the_reading() -> None:
    nvml = RecordedNvml(Gpu(0))
    one = GpuSensor(1, 0.6, load=lambda: nvml)
    one.start()
    assert one.read(Thresholds()).state is SignalState.QUIET
    nvml.must_hang = True
    assert nvml.hangs.wait(timeout=10)
    one.read(Thresholds())
    assert "has not answered" in one.read(Thresholds()).reason
