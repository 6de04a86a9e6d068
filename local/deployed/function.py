"""A deployed function: its code from the zip, its settings from the template, its process under `awslambdaric`."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.lambda_runtime import RUNTIME
from local.deployed.errors import FunctionFailed
from local.deployed.process import FunctionProcess, Settings
from local.deployed.runtime_api import Answer, AnswerKind, Invocation

INIT_TIMEOUT_SECONDS = 60.0
"""Lambda gives a first initialization 10 s of a whole CPU. Here several processes can share one."""

LOG_STREAM = "local"


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A function, as the template describes it.

    :param role: ARN of its role
    :param handler: for example `app.sweep`
    :param environment: the variables of the template
    :param runtime: Lambda's name of the Python version
    :param log_group: the log group of the template; empty: Lambda's own
    """

    name: str
    arn: str
    role: str
    handler: str
    timeout_seconds: float
    memory_mib: int
    environment: Mapping[str, str] = field(default_factory=dict)
    runtime: str = RUNTIME
    log_group: str = ""

    @property
    def log_group_name(self) -> str:
        """Return the log group of the function."""
        return self.log_group or f"/aws/lambda/{self.name}"

    @property
    def region(self) -> str:
        """Return the region of the function."""
        return self.arn.split(":")[3]


@dataclass(frozen=True, kw_only=True)
class Host:
    """The parts of a function that this computer adds.

    :param python: the Python that runs it
    :param code: the folder of the unzipped package
    :param environment: variables that Lambda or the local cloud adds to those of the template
    :param logs: folder of the files with the output of each function
    """

    python: Path
    code: Path
    environment: Mapping[str, str]
    logs: Path


class Function:
    """A function that any thread may invoke. Invocations wait for each other: it has one process.

    As on Lambda, the process stays between invocations, and is replaced after a time-out or its end.
    """

    def __init__(self, spec: FunctionSpec, host: Host, credentials: Mapping[str, str]) -> None:
        """Create a function without a process.

        :param credentials: the variables with the credentials of its role
        """
        self.spec = spec
        self._settings = _build_settings(spec, host, credentials)
        self._lock = threading.Lock()
        self._process: FunctionProcess | None = None

    def warm_up(self) -> None:
        """Start the process and import the code, as Lambda does before the first invocation.

        :raises FunctionFailed: the import fails
        """
        with self._lock:
            self._find_process()

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Run the handler and return its result.

        :raises FunctionFailed: the handler raised, took longer than the function's time limit, or ended its process
        """
        with self._lock:
            process = self._find_process()
            answer = process.invoke(
                Invocation(event, time.time() + self.spec.timeout_seconds, self.spec.arn), self.spec.timeout_seconds
            )
            if answer is None:
                self._end_process()
                message = f"The function took longer than {self.spec.timeout_seconds} s."
                raise FunctionFailed(self.spec.name, "Sandbox.Timedout", message)
            if answer.kind is not AnswerKind.RESPONSE:
                if answer.kind is not AnswerKind.ERROR:
                    self._end_process()
                raise self._build_error(answer)
            return answer.payload

    def read_cpu_seconds(self) -> float:
        """Return the CPU time of the process so far."""
        with self._lock:
            return self._find_process().read_cpu_seconds()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end_process()

    def _find_process(self) -> FunctionProcess:
        if self._process is None:
            self._process = FunctionProcess(self._settings)
            failure = self._process.wait_until_initialized(INIT_TIMEOUT_SECONDS)
            if failure is not None:
                self._end_process()
                raise self._build_error(failure)
        return self._process

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _build_error(self, answer: Answer) -> FunctionFailed:
        if answer.kind is AnswerKind.EXIT:
            message = f"The process ended without an answer. Its output is in {self._settings.log}."
            return FunctionFailed(self.spec.name, "Runtime.ExitError", message)
        payload = answer.payload or {}
        return FunctionFailed(self.spec.name, payload.get("errorType", "Error"), payload.get("errorMessage", ""))


def _build_settings(spec: FunctionSpec, host: Host, credentials: Mapping[str, str]) -> Settings:
    """Return the settings of the process.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    defined_by_lambda = {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mib),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": LOG_STREAM,
        "LAMBDA_TASK_ROOT": str(host.code),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }
    return Settings(
        python=host.python,
        code=host.code,
        handler=spec.handler,
        environment={**spec.environment, **host.environment, **defined_by_lambda, **credentials},
        log=host.logs / f"{spec.name}.log",
    )
