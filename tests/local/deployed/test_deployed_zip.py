"""The zip of this commit: its contents, its bytes, and gpudesk running from it on the local cloud.

These tests run with `make test-deployed`. They build the zip, which takes seconds and needs the package index.
"""

import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy.chalice_resources import API_STAGE
from deploy.names import ResourceNames
from deploy.package import ROOT, build_zip, find_package_interpreter
from local.aws.cloudformation import extension
from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from local.deployed.deployed_stack import Package, read_run_settings, start_functions
from local.deployed.function import Function
from local.deployed.gateway import DeployedGateway
from local.deployed.routes import read_rest_api
from local.deployed.stacks import deploy_stacks
from local.isolation import clear_aws_environment, set_endpoint
from local.machines.host.simulated import SimulatedMachines
from tests.e2e.runs import Run, assert_no_process_left
from tests.e2e.test_demo import assert_all_chapters_played, assert_in_order

pytestmark = pytest.mark.deployed

MAX_BYTES = 12_000_000

NOT_IN_LAMBDA = ("pip", "setuptools", "wheel", "click", "inquirer", "blessed", "yaml", "chalice/cli", "local", "deploy")

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


@pytest.fixture
def deployed(
    zip_file: Path, lambda_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalCloud, DeployedGateway, dict[str, Function]]]:
    """Deploy the stage dev to a local cloud."""
    environment = dict(os.environ)
    clear_aws_environment(environment)
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    cloud = LocalCloud(ManualClock(), SimulatedMachines())
    functions: dict[str, Function] = {}
    with CloudServer(cloud) as server:
        set_endpoint(environment, server.url)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        cloud.add_extension(extension)
        settings = read_run_settings()
        outputs = deploy_stacks(settings, zip_file)
        package = Package(zip_file, tmp_path, lambda_python)
        try:
            functions |= start_functions(settings, package, cloud, server.url)
            api = read_rest_api(settings.home_region, outputs["RestAPIId"], API_STAGE)
            yield cloud, DeployedGateway(api, functions), functions
        finally:
            for function in functions.values():
                function.close()


def test_zip_serves_health_and_a_sweep(deployed: tuple[LocalCloud, DeployedGateway, dict[str, Function]]) -> None:
    cloud, gateway, functions = deployed
    names = ResourceNames(read_run_settings(), partition="aws", account="123456789012")

    def get_health() -> tuple[int, Any]:
        reply = gateway.handle("GET", f"/{API_STAGE}/healthz", {}, b"")
        return reply.status, reply.body.decode()

    status, body = get_health()
    assert (status, '"last_sweep_at":null' in body) == (200, True)
    functions[names.home_arn("lambda", f"function:{names.function('sweep')}")].invoke(SCHEDULED_EVENT)
    assert '"last_sweep_at":"2026-01-05T09:00:00Z"' in get_health()[1]
    assert gateway.handle("GET", "/healthz", {}, b"").status == 404
    assert gateway.handle("POST", f"/{API_STAGE}/healthz", {}, b"").status == 404
    assert gateway.handle("GET", f"/{API_STAGE}/instances", {}, b"").status == 401
    assert cloud.enforcement.denials == []


@pytest.mark.usefixtures("a_sandbox")
def test_demo_plays_every_chapter_on_the_deployed_stack(zip_file: Path, tmp_path: Path) -> None:
    with assert_no_process_left():
        run = Run(tmp_path, module="local.deployed", ONCE="1", ZIP=str(zip_file), UV=os.environ.get("UV", ""))
        try:
            assert run.wait() == 0, run.output
        finally:
            run.kill()
    assert_all_chapters_played(run.output)
    assert_in_order(run.output, "The functions run from the zip", '"region": "us-west-2"', "in us-west-2")
