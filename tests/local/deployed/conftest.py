"""Fixtures for functions that run in processes of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.deployed.errors import RuntimeMissing
from local.deployed.function import Function, FunctionSpec, Host
from local.deployed.lambda_runtime import prepare_runtime
from tests.e2e.conftest import a_sandbox

__all__ = ["a_sandbox"]

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

CreateFunction = Callable[..., Function]


@pytest.fixture(scope="session")
def lambda_python() -> Path:
    """Return the Python that runs functions. Without one the test is skipped, except in CI, which provides one."""
    try:
        return prepare_runtime()
    except RuntimeMissing as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))


@pytest.fixture
def create_function(lambda_python: Path, tmp_path: Path) -> Iterator[CreateFunction]:
    """Return a function that creates functions from the text of a module, and ends them with the test."""
    functions: list[Function] = []

    def create(code: str, *, timeout_seconds: float = 20, **environment: str) -> Function:
        folder = tmp_path / "code"
        folder.mkdir(exist_ok=True)
        (folder / "app.py").write_text(code)
        spec = FunctionSpec(
            name="gpudesk-test-run",
            arn="arn:aws:lambda:us-east-1:123456789012:function:gpudesk-test-run",
            role="arn:aws:iam::123456789012:role/run",
            handler="app.run",
            timeout_seconds=timeout_seconds,
            memory_mib=512,
            environment={"GPUDESK_STAGE": "test"},
        )
        host = Host(python=lambda_python, code=folder, environment=environment, logs=tmp_path / "logs")
        functions.append(Function(spec, host, CREDENTIALS))
        return functions[-1]

    yield create
    for function in functions:
        function.close()
