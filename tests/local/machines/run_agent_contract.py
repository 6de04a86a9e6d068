"""Run the contract of the SSM agent against the agent of an instance, and print every difference.

    python -m tests.local.machines.run_agent_contract INSTANCE_ID [--reboot]
    python -m tests.local.machines.run_agent_contract --results FILE

The second form compares what `agent_contract.go` has written. The first one uses the AWS settings of the environment.
Each rule becomes a document, which is deleted in the end. SSM returns
8,000 bytes of standard error and the status of a whole document, so the comparison leaves out what SSM cuts.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

PATH = Path(__file__).with_name("agent_contract.json")
MAX_STDERR = 8_000
POLL_SECONDS = 2
RUNNING_STATUSES = ("Pending", "InProgress", "Delayed", "Cancelling")


def load_contract() -> dict[str, Any]:
    """Return the contract."""
    contract: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return contract


def find_differences(expected: Mapping[str, Any], status: str, steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how the results of a document differ from the expected ones.

    :param steps: the steps that the agent has reported, in the order of the document
    """
    found = [] if status == expected["status"] else [f"status: {status!r}, not {expected['status']!r}"]
    if len(steps) != len(expected["steps"]):
        found.append(f"{len(steps)} steps are reported, not {len(expected['steps'])}")
    for wanted, step in zip(expected["steps"], steps, strict=False):
        for key, value in wanted.items():
            actual = _get_value(step, key, value)
            if actual != value:
                found.append(f"{key} of {wanted['name']}: {actual!r}, not {value!r}")
    return found


def _get_value(step: Mapping[str, Any], key: str, expected: Any) -> Any:
    if key.endswith("_length"):
        return len(step[key.removesuffix("_length")].encode())
    if key.endswith("_end"):
        return step[key.removesuffix("_end")][-len(expected) :]
    return step[key]


class ContractRun:
    """Comparison of one agent with the contract.

    :param poll_seconds: pause between two looks at a command
    """

    def __init__(self, ssm: Any, instance_id: str, poll_seconds: float = POLL_SECONDS) -> None:
        """Compare nothing yet."""
        self._ssm = ssm
        self._instance_id = instance_id
        self._poll_seconds = poll_seconds

    def compare(self, case: Mapping[str, Any]) -> list[str]:
        """Run the document of a rule, and return the differences."""
        name = f"agent-contract-{time.time_ns()}"
        self._ssm.create_document(Name=name, Content=json.dumps(case["document"]), DocumentType="Command")
        try:
            sent = self._ssm.send_command(
                InstanceIds=[self._instance_id], DocumentName=name, Parameters=case.get("parameters", {})
            )
            return self._compare_command(case, sent["Command"]["CommandId"])
        finally:
            self._ssm.delete_document(Name=name)

    def _compare_command(self, case: Mapping[str, Any], command_id: str) -> list[str]:
        if "cancel_after_seconds" in case:
            time.sleep(case["cancel_after_seconds"] + 2 * self._poll_seconds)
            self._ssm.cancel_command(CommandId=command_id)
        while (found := self._read(command_id)) is None or found["Status"] in RUNNING_STATUSES:
            time.sleep(self._poll_seconds)
        steps = list(self._read_steps(command_id, found["CommandPlugins"], len(case["expected"]["steps"])))
        return find_differences(_limit_stderr(case["expected"]), found["Status"], steps)

    def _read(self, command_id: str) -> dict[str, Any] | None:
        found = self._ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
        return dict(found[0]) if found else None

    def _read_steps(
        self, command_id: str, plugins: Sequence[Mapping[str, Any]], count: int
    ) -> Iterator[dict[str, Any]]:
        for plugin in plugins[:count]:
            step = self._ssm.get_command_invocation(
                CommandId=command_id, InstanceId=self._instance_id, PluginName=plugin["Name"]
            )
            yield {
                "name": plugin["Name"],
                # Status of a skipped step is that of the document; its detailed status is its own.
                "status": "TimedOut" if step["StatusDetails"] == "ExecutionTimedOut" else step["StatusDetails"],
                "code": step["ResponseCode"],
                "stdout": step["StandardOutputContent"],
                "stderr": step["StandardErrorContent"],
                "output": plugin["Output"],
            }


def _limit_stderr(expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the expected results without what SSM cuts."""
    steps = [
        {key: value for key, value in step.items() if not key.startswith("stderr_")}
        if step.get("stderr_length", 0) > MAX_STDERR
        else step
        for step in expected["steps"]
    ]
    return {**expected, "steps": steps}


def compare_results(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Return the differences of results that `agent_contract.go` has written, by rule."""
    contract, results = load_contract(), json.loads(path.read_text(encoding="utf-8"))
    limits = [limit["seconds"] for limit in contract["time_limits"]["values"]]
    found = results.pop("time_limits")
    yield "time limits", [] if found == limits else [f"{found}, not {limits}"]
    for case in contract["cases"]:
        if result := results.get(case["name"]):
            yield case["name"], find_differences(case["expected"], result["status"], result["steps"])


def compare_instance(instance_id: str, with_reboots: bool) -> Iterator[tuple[str, list[str]]]:
    """Return the differences of the agent of an instance, by rule."""
    run = ContractRun(boto3.client("ssm"), instance_id)
    for case in load_contract()["cases"]:
        if with_reboots or case["runs_on"] != "rebooting machine":
            yield case["name"], run.compare(case)


def main() -> None:
    """Compare an agent with every rule, and exit with 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instance_id", nargs="?", help="id of a running instance with an agent")
    parser.add_argument("--reboot", action="store_true", help="also run the rules that reboot the instance")
    parser.add_argument("--results", type=Path, help="file with the results of the agent's engine")
    options = parser.parse_args()
    if not options.instance_id and not options.results:
        parser.error("name an instance or a file with results")
    compared = (
        compare_results(options.results) if options.results else compare_instance(options.instance_id, options.reboot)
    )
    equal = total = 0
    for rule, differences in compared:
        equal, total = equal + (not differences), total + 1
        sys.stdout.write("\n  ".join([f"{'differs' if differences else 'equal'}: {rule}", *differences]) + "\n")
    sys.stdout.write(f"{equal} of {total} rules are equal.\n")
    sys.exit(equal != total)


if __name__ == "__main__":
    main()
