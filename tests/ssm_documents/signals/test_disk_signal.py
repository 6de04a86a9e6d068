"""Disk signal: each real disk against the threshold, without gpudesk's own logs."""

import os
from pathlib import Path

import psutil

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals import disk
from ssm_documents.probe.signals.disk import DiskSensor
from tests.support.sensor_fixtures import KIB, ByteCounters, build_stopwatch, read_sensor

ME = os.getpid()


class Disks(ByteCounters):
    """Bytes by disk, and the bytes of gpudesk's own processes."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.own: dict[int, float] = {}

    def sensor(self) -> DiskSensor:
        return DiskSensor(lambda: self.bytes_by_name, lambda: self.own, build_stopwatch())


def test_busiest_disk_decides_and_is_named() -> None:
    disks = Disks("nvme0n1", "nvme1n1")
    sensor = disks.sensor()
    disks.count_minute(nvme0n1=600, nvme1n1=600)
    assert read_sensor(sensor).state is SignalState.QUIET
    disks.count_minute(nvme0n1=1, nvme1n1=1000)
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "nvme1n1 at 1000 KiB/s")


def test_attached_or_reset_disk_counts_from_zero() -> None:
    disks = Disks("vda")
    sensor = disks.sensor()
    disks.bytes_by_name = {"vda": 0.0}
    disks.count_minute(vda=1500)
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "vda at 1500 KiB/s")
    disks.count_minute(vdb=2000)
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "vdb at 2000 KiB/s")


def test_io_of_the_probe_is_excluded_up_to_a_limit() -> None:
    disks = Disks("vda")
    sensor = disks.sensor()
    disks.own = {1: 60.0 * KIB * 60}
    disks.count_minute(vda=1050)
    assert read_sensor(sensor) == Reading(SignalState.QUIET, "vda at 990 KiB/s")
    disks.own = {1: 10**12}
    disks.count_minute(vda=5000)
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "vda at 4936 KiB/s")


def test_instance_without_visible_disks_is_unknown() -> None:
    assert read_sensor(Disks().sensor()) == Reading(SignalState.UNKNOWN, "no disk was found")


def test_real_disks_are_whole_disks_with_hardware() -> None:
    names = "nvme0n1 nvme10n1 nvme0n1p1 nvme0c0n1 sda sdab sda1 vda vda2 xvda xvda1 loop0 ram0 zram0 dm-0 md127 sr0"
    real = {"nvme0n1", "nvme10n1", "sda", "sdab", "vda", "xvda"}
    assert {name for name in names.split() if disk.REAL_DISK.match(name)} == real
    assert set(disk.read_disk_bytes()) <= set(psutil.disk_io_counters(perdisk=True))


def test_written_bytes_of_the_own_process_are_read(tmp_path: Path) -> None:
    assert disk.read_gpudesk_bytes()[ME] >= 0
    (tmp_path / str(ME)).mkdir()
    (tmp_path / str(ME) / "stat").write_bytes(Path("/proc/self/stat").read_bytes())
    (tmp_path / str(ME) / "io").write_text("rchar: 5\nread_bytes: 7\nwrite_bytes: 11\n", encoding="ascii")
    assert disk.read_gpudesk_bytes(tmp_path) == {ME: 18.0}
