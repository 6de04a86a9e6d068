"""The evaluator agrees with another one, @cloud-copilot/iam-simulate, on generated calls.

That program is installed from npm into build/, and nothing of it is part of gpudesk.
"""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from local.aws.iam.errors import AmbiguousCondition
from local.aws.iam.evaluator import IamRequest, Policies, decide
from local.aws.iam.policies import Policy, parse_policy
from local.aws.iam.principals import Principal
from local.settings import ACCOUNT, build_local_names
from tests.local.aws.iam.generated_call import ROLE_ARN, SESSION_ARN, GeneratedCall
from tests.local.aws.iam.generated_calls import generate_calls

PACKAGE = "@cloud-copilot/iam-simulate@0.1.173"
FOLDER = Path("build/iam-simulate")
SCRIPT = Path(__file__).with_name("simulate.mjs")
GENERATED, MIN_COMPARED, MIN_ALLOWED = 4_000, 2_000, 0.3
SEED = 15

pytestmark = pytest.mark.slow


def simulate(calls: list[GeneratedCall], folder: Path) -> list[dict[str, Any]]:
    """Return the results of the other program."""
    if shutil.which("npm") is None:
        pytest.fail("This test needs Node.js: install node and npm.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(FOLDER), PACKAGE]
    subprocess.run(install, check=True, timeout=300)
    cases, results = folder / "cases.json", folder / "results.json"
    cases.write_text(json.dumps([call.to_dict() for call in calls]))
    subprocess.run(["node", str(SCRIPT), str(cases), str(results)], check=True, cwd=FOLDER, timeout=300)
    found: list[dict[str, Any]] = json.loads(results.read_text())
    return found


def evaluate(call: GeneratedCall) -> bool | None:
    """Return whether the call is allowed; None: the evaluator says that it has no defined result."""

    def parse(documents: list[dict[str, Any]] | None) -> list[Policy] | None:
        return None if documents is None else [parse_policy(document) for document in documents]

    policies = Policies(
        identity=parse(call.identity) or [],
        session=parse(None if call.session is None else [call.session]),
        boundary=parse(call.boundary),
        resource=parse_policy(call.resource_policy) if call.resource_policy else None,
    )
    principal = Principal(arn=SESSION_ARN, role_arn=ROLE_ARN, account=ACCOUNT)
    context = {key: value if isinstance(value, str) else tuple(value) for key, value in call.context.items()}
    try:
        return decide(policies, IamRequest(call.action, call.resource, context, principal)).is_allowed
    except AmbiguousCondition:
        return None


def test_evaluator_agrees_with_another_one_on_generated_calls(tmp_path: Path) -> None:
    calls = list(generate_calls(Random(SEED), build_local_names(), GENERATED))
    ours = [evaluate(call) for call in calls]
    theirs = simulate(calls, tmp_path.resolve())
    # A call is comparable if both programs decide about it, and the other one has used all keys of the request.
    compared = [
        (call, our, their["result"] == "Allowed")
        for call, our, their in zip(calls, ours, theirs, strict=True)
        if our is not None and "error" not in their and not their["ignored"]
    ]
    different = [(call, our) for call, our, their in compared if our is not their]
    assert not different, different[:3]
    assert len(compared) >= MIN_COMPARED
    assert sum(our for _, our, _ in compared) / len(compared) >= MIN_ALLOWED
