"""The program: configuration, wiring, and the clockwork.

python probe.pyz [--once] CONFIG     beats for ever, or once (exit status 0 if the desk heard it)
python probe.pyz --version

CONFIG is JSON: {"table", "key", "region", "gpu_count"}. GPUDESK_PROBE_INTERVAL_SECONDS (60) is the time between beats.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import boto3
from botocore.config import Config as BotoConfig

from ssm_documents.probe import VERSION
from ssm_documents.probe.gpu import GpuSensor
from ssm_documents.probe.heartbeat import Desk
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.jupyter import JupyterSensor
from ssm_documents.probe.probe import Identity, Probe
from ssm_documents.probe.sensors import Sensor, Watched

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Config:
    """Where the heartbeat goes and what to expect of the machine.

    :param region: of the table
    :param gpu_count: GPUs that nvidia-smi must list; without any there is no GPU signal
    """

    table: str
    key: str
    region: str
    gpu_count: int


def main() -> int:
    """Exit status, for the zipapp."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    config = Config(**json.loads(arguments.config.read_text(encoding="utf-8")))
    try:
        probe = _wire(config)
    except OSError as error:
        logging.error("the instance metadata service does not say who this is: %s", error)
        return 1
    if not arguments.once:
        _beat_for_ever(probe, float(os.environ.get("GPUDESK_PROBE_INTERVAL_SECONDS", "60")))
    return 0 if probe.beat() else 1


def _beat_for_ever(probe: Probe, interval_seconds: float) -> NoReturn:
    """A beat each interval, however long the last one took; those that were missed are not made up for."""
    due = time.monotonic()
    while True:
        probe.beat()
        due = max(due + interval_seconds, time.monotonic())
        time.sleep(due - time.monotonic())


def _wire(config: Config) -> Probe:
    imds = Imds()
    identity = Identity(instance_id=imds.instance_id(), boot_id=BOOT_ID.read_text(encoding="ascii").strip())
    sensors: list[Sensor] = [JupyterSensor()]
    if config.gpu_count:
        sensors.append(GpuSensor(config.gpu_count))
    # The loop is the retry, and a beat must be over before the next.
    limits = BotoConfig(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    dynamodb = boto3.client("dynamodb", region_name=config.region, config=limits)
    desk = Desk(dynamodb.update_item, config.table, config.key)
    return Probe([Watched(sensor) for sensor in sensors], imds, desk, identity)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tells the desk whether this instance is in use.")
    parser.add_argument("--version", action="version", version=f"gpudesk probe {VERSION}")
    parser.add_argument("--once", action="store_true", help="beat once and end")
    parser.add_argument("config", type=Path)
    return parser.parse_args()
