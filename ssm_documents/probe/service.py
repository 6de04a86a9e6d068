"""The probe as a service: its configuration, its parts and its interval.

CONFIG is JSON: {"table", "key", "region", "gpu_count"}. GPUDESK_PROBE_INTERVAL_SECONDS is the time between two
heartbeats (default: 60).
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
from functools import partial
from pathlib import Path

import boto3
from botocore.config import Config as BotoConfig

from chalicelib.domain.common.untrusted_text import clean_output
from ssm_documents.probe.before_stop import run_hook
from ssm_documents.probe.files import ProbePaths
from ssm_documents.probe.heartbeat import HeartbeatClient
from ssm_documents.probe.history import History
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.interruption_watch import InterruptionWatch
from ssm_documents.probe.interval import run_every
from ssm_documents.probe.keep_requests import KeepRequests
from ssm_documents.probe.last_response import LastResponse
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.parts import HeartbeatIdentity, LocalServices
from ssm_documents.probe.probe import Probe
from ssm_documents.probe.sensors import GuardedSensor
from ssm_documents.probe.setup_watch import SetupWatch
from ssm_documents.probe.signals.wiring import build_sensors
from ssm_documents.probe.user_messenger import UserMessenger

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

POWER_OFF = ("systemctl", "poweroff")
POWER_OFF_LIMIT_SECONDS = 30


class CleanFormatter(logging.Formatter):
    """A formatter for lines that may have the answers of users' programs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record without control characters and secrets."""
        return clean_output(super().format(record))


@dataclass(frozen=True)
class Config:
    """The configuration file.

    :param table: the heartbeat table
    :param key: id of this instance's item in the table
    :param region: region of the table
    :param gpu_count: expected number of NVIDIA GPUs; with 0 there is no GPU signal
    """

    table: str
    key: str
    region: str
    gpu_count: int


def run_probe(arguments: Sequence[str]) -> int:
    """Send heartbeats, forever or once, and return the exit status."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    logging.getLogger().handlers[0].setFormatter(CleanFormatter("%(message)s"))
    logging.getLogger("botocore").setLevel(logging.WARNING)
    config = Config(**json.loads(options.config.read_text(encoding="utf-8")))
    interval_seconds = float(os.environ.get("GPUDESK_PROBE_INTERVAL_SECONDS", "60"))
    try:
        imds, services = Imds(), build_local_services(ProbePaths())
        probe = _build_probe(config, interval_seconds, imds, services)
        watch = InterruptionWatch(imds, services.notifier)
    except (OSError, ValueError) as error:
        logging.error("The probe cannot start on this instance: %s", error)
        return 1
    if not options.once:
        run_every(interval_seconds, probe.tick, watch.poll)
    return 0 if probe.tick() else 1


def build_local_services(paths: ProbePaths) -> LocalServices:
    """Return the parts of the probe that use files and programs of this instance."""
    paths.create_folders()
    return LocalServices(
        paths=paths,
        last_response=LastResponse(paths.response),
        history=History(paths.history),
        setup=SetupWatch(paths.lock, paths.attempts, paths.progress),
        keep_requests=KeepRequests(paths.keep_requests, paths.keep_results),
        notifier=Notifier(UserMessenger()),
        power_off=_power_off,
        run_hook=partial(run_hook, lock=paths.lock),
    )


def _build_probe(config: Config, interval_seconds: float, imds: Imds, services: LocalServices) -> Probe:
    """Return the probe with its sensors and clients.

    :raises OSError: the metadata service does not respond
    :raises ValueError: the configuration belongs to another instance, whose image this instance was launched from
    """
    instance_id = imds.read("instance-id")
    if not config.key.endswith(f":{instance_id}"):
        raise ValueError(f"{config.key} is not the heartbeat key of {instance_id}")
    identity = HeartbeatIdentity(instance_id, BOOT_ID.read_text(encoding="ascii").strip())
    sensors = [GuardedSensor(sensor) for sensor in build_sensors(config.gpu_count, interval_seconds, now=imds.now)]
    # The next heartbeat is the retry, and one heartbeat must end before the next.
    limits = BotoConfig(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    dynamodb = boto3.client("dynamodb", region_name=config.region, config=limits)
    sender = HeartbeatClient(dynamodb.update_item, config.table, config.key)
    return Probe(sensors, imds, sender, identity, services)


def _power_off() -> None:
    try:
        subprocess.run(POWER_OFF, check=True, timeout=POWER_OFF_LIMIT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        logging.error("The instance could not be powered off: %s", error)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="probe.pyz run", description="Reports to gpudesk whether this instance is in use."
    )
    parser.add_argument("--once", action="store_true", help="send one heartbeat and end")
    parser.add_argument("config", type=Path)
    return parser.parse_args(arguments)
