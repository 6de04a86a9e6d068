"""The service: configuration, wiring, and the clockwork.

CONFIG is JSON: {"table", "key", "region", "gpu_count"}. GPUDESK_PROBE_INTERVAL_SECONDS (60) is the time between beats.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config as BotoConfig

from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.heartbeat import HeartbeatClient
from ssm_documents.probe.history import History
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.interval import run_every
from ssm_documents.probe.keep_requests import KeepRequests
from ssm_documents.probe.last_response import LastResponse
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.probe import Identity, LocalServices, Probe
from ssm_documents.probe.sensors import GuardedSensor
from ssm_documents.probe.setup_watch import SetupWatch
from ssm_documents.probe.signals.wiring import build_sensors
from ssm_documents.probe.user_messenger import UserMessenger

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

POWER_OFF = ("systemctl", "poweroff")
POWER_OFF_LIMIT_SECONDS = 30


@dataclass(frozen=True)
class Config:
    """Where the heartbeat goes and what to expect of the machine.

    :param region: of the table
    :param gpu_count: NVIDIA GPUs that there must be; without any there is no GPU signal
    """

    table: str
    key: str
    region: str
    gpu_count: int


def run_probe(arguments: Sequence[str]) -> int:
    """Beat."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    config = Config(**json.loads(options.config.read_text(encoding="utf-8")))
    interval_seconds = float(os.environ.get("GPUDESK_PROBE_INTERVAL_SECONDS", "60"))
    try:
        probe = _wire(config, interval_seconds)
    except (OSError, ValueError) as error:
        logging.error("this machine does not say who it is: %s", error)
        return 1
    if not options.once:
        run_every(interval_seconds, probe.tick)
    return 0 if probe.tick() else 1


def build_local_services(places: ProbePaths) -> LocalServices:
    """What belongs to this machine."""
    places.create_folders()
    return LocalServices(
        paths=places,
        last_response=LastResponse(places.response),
        history=History(places.history),
        setup=SetupWatch(places.lock, places.attempts, places.progress),
        keep_requests=KeepRequests(places.keep_requests, places.keep_results),
        notifier=Notifier(UserMessenger()),
        power_off=_power_off,
    )


def _wire(config: Config, interval_seconds: float) -> Probe:
    """:raises ValueError: the configuration is another instance's, as on a machine made from an image of one"""
    imds = Imds()
    instance_id = imds.read_instance_id()
    if not config.key.endswith(f":{instance_id}"):
        raise ValueError(f"{config.key} is not the heartbeat of {instance_id}")
    identity = Identity(instance_id, BOOT_ID.read_text(encoding="ascii").strip(), config.gpu_count > 0)
    sensors = [
        GuardedSensor(build_sensor) for build_sensor in build_sensors(config.gpu_count, interval_seconds, now=imds.now)
    ]
    # The loop is the retry, and a beat must be over before the next.
    limits = BotoConfig(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    dynamodb = boto3.client("dynamodb", region_name=config.region, config=limits)
    desk = HeartbeatClient(dynamodb.update_item, config.table, config.key)
    return Probe(sensors, imds, desk, identity, build_local_services(ProbePaths()))


def _power_off() -> None:
    try:
        subprocess.run(POWER_OFF, check=True, timeout=POWER_OFF_LIMIT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        logging.error("the machine could not be switched off: %s", error)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="probe.pyz run", description="Tells the desk whether this machine is in use.")
    parser.add_argument("--once", action="store_true", help="beat once and end")
    parser.add_argument("config", type=Path)
    return parser.parse_args(arguments)
