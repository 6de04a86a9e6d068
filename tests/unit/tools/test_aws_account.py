"""`make token` and `make preview` without a usable AWS account: one line of text and exit status 2."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr
from datetime import UTC, datetime, timedelta
from functools import partial
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

COMMANDS: list[Callable[[], object]] = [partial(make_token.main, ["ada"]), preview.main]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove every AWS variable, and let the SDK find no file and no instance metadata."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def run(
    command: Callable[[], object], monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]
) -> tuple[object, list[str]]:
    """Run a command with these AWS variables, and return its exit status and the lines of its errors."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended, redirect_stderr(errors):
        command()
    return ended.value.code, errors.getvalue().splitlines()


@pytest.mark.usefixtures("no_account")
@pytest.mark.parametrize("module", ["tools.make_token", "tools.preview"])
def test_program_without_credentials_ends_with_one_line_that_names_the_local_cloud(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "ada"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("There are no AWS credentials. For the local cloud, run: make ")
    assert " LOCAL=http://127.0.0.1:4566. " in line


@pytest.mark.usefixtures("no_account")
@pytest.mark.parametrize("command", COMMANDS, ids=["make token", "make preview"])
def test_missing_setting_of_account_is_one_line_that_names_it(
    command: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, (line,) = run(command, monkeypatch, {**CREDENTIALS, "AWS_REGION": "us-east-1"})
    assert status == 2
    assert "GPUDESK_TABLE_PREFIX" in line
    assert "not set. The deployment sets" in line


@pytest.mark.usefixtures("no_account")
@pytest.mark.parametrize("command", COMMANDS, ids=["make token", "make preview"])
def test_local_cloud_that_does_not_run_is_one_line(
    command: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {**CREDENTIALS, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": NO_LISTENER}
    status, (line,) = run(command, monkeypatch, variables)
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


@pytest.fixture(scope="module")
def cloud_clock() -> Iterator[PacedClock]:
    """The clock of a provisioned local cloud, which is an hour ahead of the real time."""
    clock = PacedClock(60, datetime.now(UTC) + timedelta(hours=1))
    cloud = LocalCloud(clock, SimulatedMachines())
    with CloudServer(cloud) as server, pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
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
