"""The zip has botocore's data of exactly the services that the code calls."""

import ast
from collections.abc import Iterator

from pynamodb.constants import SERVICE_NAME

from deploy.aws_services import SERVICES
from deploy.source import ROOT

CREATORS = {"client", "create_client", "resource", "_get"}
"""Functions that create a client. `_get` is that of `Clients`, which calls `boto3.client` with its argument."""


def list_services(code: str) -> Iterator[str]:
    """Yield the first argument of every call that creates a client, if it is a text."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]):
                if name in CREATORS:
                    yield text


def test_list_has_the_services_that_the_code_calls() -> None:
    called = {
        service
        for file in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
        for service in list_services(file.read_text())
    }
    assert called | {SERVICE_NAME} == SERVICES


def test_only_the_module_of_the_clients_imports_boto3() -> None:
    """No other module can create a client, because none imports the SDK."""
    importing = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "chalicelib").rglob("*.py")
        if any(
            line.startswith(("import boto3", "from boto3", "import botocore.session"))
            for line in file.read_text().splitlines()
        )
    }
    assert importing == {"chalicelib/aws/clients.py"}
