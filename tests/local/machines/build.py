"""Short builders of documents, commands and machines."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.machines.host.interface import Invocation, InvocationResult, Machines, MachineSpec

NOW = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
_commands = itertools.count(1)


def now() -> datetime:
    """Return the time of the local cloud's clock, which stands still."""
    return NOW


def spec(number: int = 1, **changes: Any) -> MachineSpec:
    """Return a g4dn.xlarge."""
    facts = {"gpu": "Tesla T4", "gpu_count": 1, "gpu_memory_mib": 15360, **changes}
    return MachineSpec(f"i-{number:017x}", "g4dn.xlarge", "eu-west-1", **facts)


def shell_step(name: str, *lines: str, **inputs: Any) -> dict[str, Any]:
    """Return a step of a document."""
    return {"action": "aws:runShellScript", "name": name, "inputs": {"runCommand": list(lines), **inputs}}


def document(*steps: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a document of schema 2.2."""
    return {"schemaVersion": "2.2", "parameters": dict(parameters or {}), "mainSteps": list(steps)}


def invocation(content: Mapping[str, Any], **parameters: Sequence[str]) -> Invocation:
    """Return a command with a new id."""
    return Invocation(f"command-{next(_commands)}", "a-document", content, parameters)


def run_script(machines: Machines, instance_id: str, *lines: str, **inputs: Any) -> InvocationResult:
    """Run one step with these lines."""
    step = shell_step("only", *lines, **{"timeoutSeconds": "30", **inputs})
    return machines.run(instance_id, invocation(document(step)))


def said(machines: Machines, instance_id: str, *lines: str) -> str:
    """Return the output of the lines, which must succeed."""
    result = run_script(machines, instance_id, *lines)
    assert result.status == "Success", result.steps[0]
    return result.steps[0].stdout.strip()
