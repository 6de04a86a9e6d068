"""Log of decisions: one line of JSON for each change."""

import json
import logging
from typing import Any

import pytest

from tests.api.client import Bench


def list_decisions(log: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the parsed lines of the log of decisions."""
    records = [record for record in log.records if record.name.endswith(".decision_log")]
    return [json.loads(record.getMessage()) for record in records]


def test_each_change_has_one_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    launched = bench.ada("POST", "/instances", {"gpu": "T4", "name": "brave-otter"}).json
    bench.ada("DELETE", "/instances/brave-otter")
    bench.root("PATCH", "/desk", {"mode": "dry_run"})
    bench.ada("PATCH", "/owners/ada", {"channels": {"email": "ada@example.org"}})
    requested, *_, terminated, mode, owner = list_decisions(caplog)
    assert (
        requested.items()
        >= {
            "event": "decision",
            "at": f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}",
            "id": launched["id"],
            "name": "brave-otter",
            "owner": "ada",
            "actor": "ada",
            "code": "requested",
        }.items()
    )
    assert (terminated["id"], terminated["code"]) == (launched["id"], "terminate_requested")
    assert (mode["id"], mode["code"], mode["actor"]) == ("desk", "mode_changed", "root")
    assert (owner["id"], owner["code"], owner["fields"]) == ("owner/ada", "owner_changed", ["channels"])
    assert "ada@example.org" not in json.dumps(owner)


def test_request_that_changes_nothing_has_no_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.ada("GET", "/instances")
    bench.root("PATCH", "/desk", {"mode": "enforce"})
    bench.ada("POST", "/instances", {"gpu": "T5"})
    assert list_decisions(caplog) == []


def test_decisions_of_the_control_loop_are_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.ada("POST", "/instances", {"gpu": "T4"})
    caplog.clear()
    bench.world.application.sweep.run()
    decisions = list_decisions(caplog)
    assert [decision["code"] for decision in decisions][-1] == "launched"
    assert {decision["actor"] for decision in decisions} == {"gpudesk"}
    assert decisions[-1]["ec2"].startswith("i-")
