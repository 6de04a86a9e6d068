"""The zip of this commit: its contents, its bytes, and gpudesk running from it on the local cloud.

These tests run with `make test-deployed`. They build the zip, which takes seconds and needs the package index.
"""

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from benchmarks import cold_start
from deploy.chalice_resources import API_STAGE
from deploy.interpreter import find_package_interpreter
from deploy.names import ResourceNames
from deploy.package import build_zip
from deploy.source import ROOT
from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.unsupported_calls import SERVICES
from local.clock import ManualClock
from local.deployed.deployed_stack import read_run_settings
from local.deployed.deployment import Deployment, RunPackage, deploy
from local.deployed.stacks import SERVICES as DEPLOYMENT_SERVICES
from local.isolation import clear_aws_environment, set_endpoint
from local.machines.host.simulated import SimulatedMachines
from tests.e2e.runs import Run, assert_no_process_left
from tests.e2e.test_demo import assert_all_chapters_played, assert_in_order

pytestmark = pytest.mark.deployed

MAX_BYTES = 12_000_000

NOT_IN_LAMBDA = ("pip", "setuptools", "wheel", "click", "inquirer", "blessed", "yaml", "chalice/cli", "local", "deploy")

FOR_RUNTIME = {name: os.environ.get(name, "") for name in ("PYTHON313", "UV")}

SCHEDULED_EVENT = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-01-05T09:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


@pytest.fixture(scope="module")
def zip_file(lambda_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the zip of the work tree."""
    return build_zip(tmp_path_factory.mktemp("package"), python=find_package_interpreter()).file


def test_zip_has_only_what_runs(zip_file: Path) -> None:
    with zipfile.ZipFile(zip_file) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.startswith(tuple(f"{each}/" for each in NOT_IN_LAMBDA))]
    modules = [name for name in names if name.endswith(".py")]
    bytecode = [name for name in names if name.endswith(".cpython-313.pyc")]
    assert len(modules) == len(bytecode) > 500
    assert zip_file.stat().st_size < MAX_BYTES


def test_same_commit_gives_the_same_bytes(zip_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder, another umask, and what the work tree has changed in the tracked files."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    changes = subprocess.run(["git", "diff", "HEAD", "--binary"], cwd=ROOT, check=True, capture_output=True).stdout
    if changes:
        subprocess.run(["git", "apply", "--index"], cwd=clone, input=changes, check=True)
    before = os.umask(0o077)
    try:
        again = build_zip(tmp_path / "again", root=clone, python=find_package_interpreter())
    finally:
        os.umask(before)
    assert again.file.read_bytes() == zip_file.read_bytes()


def test_benchmark_measures_every_case(zip_file: Path, lambda_python: Path, tmp_path: Path) -> None:
    assert (
        cold_start.measure(lambda_python, cold_start.unzip(zip_file, tmp_path), rounds=1).keys()
        == cold_start.CASES.keys()
    )


@pytest.fixture
def deployed(
    zip_file: Path, lambda_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalCloud, Deployment]]:
    """Deploy the stage dev to a local cloud."""
    environment = dict(os.environ)
    clear_aws_environment(environment)
    cloud = LocalCloud(ManualClock(), SimulatedMachines())
    with CloudServer(cloud, services=SERVICES | DEPLOYMENT_SERVICES) as server:
        set_endpoint(environment, server.url)
        for name in os.environ.keys() - environment.keys():
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        with deploy(
            cloud, read_run_settings(), RunPackage(zip_file, tmp_path, lambda_python), server.url
        ) as deployment:
            yield cloud, deployment


def test_zip_serves_health_and_a_sweep(deployed: tuple[LocalCloud, Deployment]) -> None:
    cloud, deployment = deployed
    gateway = deployment.gateway
    names = ResourceNames(read_run_settings(), partition="aws", account="123456789012")
    sweep = deployment.functions[names.home_arn("lambda", f"function:{names.function('sweep')}")]

    def get_health() -> Any:
        return json.loads(gateway.handle("GET", f"/{API_STAGE}/healthz", {}, b"").body)

    assert get_health()["last_sweep_at"] is None
    sweep.invoke(SCHEDULED_EVENT)
    assert get_health()["last_sweep_at"] == "2026-01-05T09:00:00Z"
    assert gateway.handle("GET", "/healthz", {}, b"").status == 404
    assert gateway.handle("POST", f"/{API_STAGE}/healthz", {}, b"").status == 404
    assert gateway.handle("GET", f"/{API_STAGE}/instances", {}, b"").status == 401
    assert cloud.enforcement.denials == []


@pytest.mark.usefixtures("a_sandbox")
def test_demo_plays_every_chapter_on_the_deployed_stack(zip_file: Path, tmp_path: Path) -> None:
    with assert_no_process_left():
        run = Run(
            tmp_path, module="local.deployed", ONCE="1", SPEED="120", ZIP=str(zip_file), UV=os.environ.get("UV", "")
        )
        try:
            assert run.wait() == 0, run.output
        finally:
            run.kill()
    assert_all_chapters_played(run.output)
    assert_in_order(run.output, "The functions run from the zip", '"region": "us-west-2"', "in us-west-2")
