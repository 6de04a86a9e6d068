"""A function of the zip runs as on Lambda: an environment of its own, time limits, errors, warm processes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.deployed.errors import FunctionFailed
from local.deployed.function import FunctionSpec, Host, _build_settings
from tests.local.deployed.conftest import CreateFunction

COUNT = "count = 0\ndef run(event, context):\n    global count\n    count += 1\n    return count\n"

DESCRIBE = """
import os, sys
def run(event, context):
    milliseconds = context.get_remaining_time_in_millis()
    return {"event": event, "path": sys.path, "environment": dict(os.environ), "milliseconds": milliseconds}
"""

CLOCK = """
from datetime import datetime, timedelta
from chalicelib.domain.common.clock import SystemClock
def run(event, context):
    return [SystemClock().now().isoformat(), SystemClock().scale_script_timeout(timedelta(seconds=2)).total_seconds()]
"""

FAIL = "def run(event, context):\n    raise KeyError('a')\n"
HANG = """
import time
calls = []
def run(event, context):
    calls.append(event)
    time.sleep(event["seconds"])
    return len(calls)
"""
EXIT = "import os\ndef run(event, context):\n    os._exit(3)\n"


def test_process_has_the_runtime_and_the_log_group_of_the_template(tmp_path: Path) -> None:
    host = Host(python=tmp_path, code=tmp_path, environment={}, logs=tmp_path)
    spec = FunctionSpec(
        name="gpudesk-test-run",
        arn="arn:aws:lambda:us-east-1:1:function:run",
        role="arn:aws:iam::123456789012:role/run",
        handler="app.run",
        timeout_seconds=1,
        memory_mib=1,
        runtime="python3.99",
        log_group="/gpudesk/test/functions/run",
    )
    environment = _build_settings(spec, host, {}).environment
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.99"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/gpudesk/test/functions/run"


def test_process_stays_between_invocations(create_function: CreateFunction) -> None:
    function = create_function(COUNT)
    assert [function.invoke({}), function.invoke({})] == [1, 2]


def test_process_sees_the_zip_the_template_and_its_role_only(
    create_function: CreateFunction, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of a developer")
    monkeypatch.setenv("GPUDESK_REGIONS", "eu-west-1")
    seen = create_function(DESCRIBE, AWS_ENDPOINT_URL="http://127.0.0.1:1").invoke({"name": "é" * 2000})
    assert seen["event"] == {"name": "é" * 2000}
    assert seen["path"][0] == str(tmp_path / "code")
    assert not [folder for folder in seen["path"] if ".venv" in folder or "python3.11" in folder]
    environment = seen["environment"]
    assert {name: text for name, text in environment.items() if name.startswith("GPUDESK")} == {"GPUDESK_STAGE": "test"}
    assert "AWS_SESSION_TOKEN" not in environment
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_ACCESS_KEY_ID"] == "testing"
    assert environment["_HANDLER"] == "app.run"
    assert 0 < seen["milliseconds"] <= 20_000


def test_exception_of_the_handler_is_reported_and_the_process_stays(create_function: CreateFunction) -> None:
    function = create_function(FAIL)
    for _ in range(2):
        with pytest.raises(FunctionFailed, match=r"gpudesk-test-run failed with KeyError: 'a'"):
            function.invoke({})


def test_failed_import_is_reported_at_the_invocation(create_function: CreateFunction) -> None:
    with pytest.raises(FunctionFailed, match=r"Runtime.ImportModuleError: .*No module named 'boto3'"):
        create_function("import boto3\n").invoke({})


def test_function_that_exceeds_its_time_limit_gets_a_new_process(create_function: CreateFunction) -> None:
    function = create_function(HANG, timeout_seconds=0.3)
    with pytest.raises(FunctionFailed, match=r"Sandbox.Timedout: The function took longer than 0.3 s"):
        function.invoke({"seconds": 60})
    assert function.invoke({"seconds": 0}) == 1


def test_end_of_the_process_is_reported(create_function: CreateFunction) -> None:
    with pytest.raises(FunctionFailed, match=r"Runtime.ExitError: .*gpudesk-test-run\.log"):
        create_function(EXIT).invoke({})


@pytest.fixture
def clock_url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"now": "2031-01-01T00:00:00+00:00", "speed": 60}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/_local/clock"
    server.shutdown()
    thread.join()
    server.server_close()


def test_clock_of_the_package_follows_the_local_cloud(
    create_function: CreateFunction, clock_url: str, tmp_path: Path
) -> None:
    package = Path(__file__).parents[3] / "chalicelib"
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "chalicelib").symlink_to(package)
    now, scaled = create_function(CLOCK, LOCAL_CLOCK_URL=clock_url).invoke({})
    assert now.startswith("2031-01-01T00:0")
    assert scaled == 120
