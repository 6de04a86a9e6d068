"""`make token` and `make preview` without a usable AWS account: one line of text and exit status 2."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib import bootstrap
from chalicelib.domain.common.clock import Clock
from chalicelib.settings import Settings
from chalicelib.store.tables import reset_endpoint
from chalicelib.store.tokens import TokenRepository
from local.aws.core.cloud_server import CloudServer
from local.aws.core.local_cloud import LocalCloud
from local.clock import PacedClock
from local.machines.host.simulated import SimulatedMachines
from local.provisioning import provision_variables
from tools import make_token, preview
from tools.aws_account import exit_on_aws_errors

NO_LISTENER = "http://127.0.0.1:9"
"""The port of the discard service, on which no program listens."""

COMMANDS = [("tools.make_token", "ada"), ("tools.preview",)]


def run(command: tuple[str, ...], variables: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a command with these AWS variables, and return its exit status and the lines of its errors."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    no_account = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**others, **no_account, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_credentials_are_one_line_that_names_the_local_cloud(command: tuple[str, ...]) -> None:
    status, (line,) = run(command, {})
    assert status == 2
    assert line.startswith("There are no AWS credentials. For the local cloud, run: make ")
    assert " LOCAL=http://127.0.0.1:4566. " in line


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_setting_of_account_is_one_line_that_names_it(command: tuple[str, ...]) -> None:
    status, (line,) = run(command, {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"})
    assert status == 2
    assert "GPUDESK_TABLE_PREFIX" in line
    assert "not set. The deployment sets" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_local_cloud_that_does_not_run_is_one_line(command: tuple[str, ...]) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    status, (line,) = run(command, {**credentials, "AWS_ENDPOINT_URL": NO_LISTENER})
    assert status == 2
    assert line.startswith(f"No local cloud answers at {NO_LISTENER}. Start one with make run")


def test_rejected_call_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    rejection = ClientError(
        {"Error": {"Code": "ExpiredToken", "Message": "The token expired (password=hunter2)."}}, "PutItem"
    )
    with pytest.raises(SystemExit) as ended, exit_on_aws_errors("make token"):
        raise rejection
    assert ended.value.code == 2
    assert capsys.readouterr().err == "AWS rejected PutItem (ExpiredToken): The token expired (password=***\n"


@pytest.fixture
def cloud_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[PacedClock]:
    """The clock of a provisioned local cloud, which is an hour ahead of the real time."""
    clock = PacedClock(60, datetime.now(UTC) + timedelta(hours=1))
    cloud = LocalCloud(clock, SimulatedMachines())
    with CloudServer(cloud) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        cloud.settings = provision_variables(("us-east-1", "eu-central-1"))
        yield clock
    reset_endpoint(None)


def test_token_of_local_cloud_expires_by_its_clock(cloud_clock: PacedClock, capsys: pytest.CaptureFixture[str]) -> None:
    make_token.main(["ada", "--days", "1"])
    holder = TokenRepository().find_holder(capsys.readouterr().out.strip(), cloud_clock.now())
    assert holder is not None
    assert holder.expires_at - cloud_clock.now() > timedelta(hours=23, minutes=50)


def test_preview_of_the_local_cloud_uses_its_clock_and_its_settings(
    cloud_clock: PacedClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[tuple[Clock, Settings]] = []
    original = bootstrap.build_application

    def build(clock: Clock, settings: Settings) -> Any:
        built.append((clock, settings))
        return original(clock, settings)

    monkeypatch.setattr(bootstrap, "build_application", build)
    preview.main()
    ((clock, settings),) = built
    assert abs(clock.now() - cloud_clock.now()) < timedelta(minutes=10)
    role = boto3.client("iam").get_role(RoleName=settings.instance_profile)["Role"]
    assert settings.instance_role_id == role["RoleId"]
    assert settings.deployed_regions == ("us-east-1", "eu-central-1")
    assert capsys.readouterr().out == (
        "The mode of gpudesk is enforce: gpudesk launches instances and stops them by their policies.\n"
        "gpudesk would leave 0 other instances unchanged. Images are not previewed.\n"
    )
