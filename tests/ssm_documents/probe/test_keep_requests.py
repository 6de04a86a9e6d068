"""Keep requests of users on the instance, in the heartbeat of the probe."""

import json
import os
from pathlib import Path

import pytest

from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, KeepResult
from tests.support.fakes import (
    build_machine,
)


def test_keep_request_is_sent_until_gpudesk_decides(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    (one.paths.keep_requests / "1-aa.json").write_text('{"hours": 4}')
    one.run_ticks(2)
    assert [each.keep_request for each in one.client.heartbeats] == [KeepRequest(id="1-aa", hours=4)] * 2
    one.client.response = HeartbeatResponse(
        keep_result=KeepResult(id="1-aa", granted=True, message="kept until 18:00 UTC")
    )
    one.run_ticks(2)
    assert one.client.heartbeats[-1].keep_request is None
    answer = json.loads((one.paths.keep_results / "1-aa.json").read_text())
    assert answer == {"granted": True, "message": "kept until 18:00 UTC"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write as several users")
def test_keep_requests_of_several_users_take_turns_whatever_mtime_they_set(tmp_path: Path) -> None:
    one = build_machine(tmp_path)
    files = [("1-ada", 1001, 4), ("2-eve", 1002, 9), ("3-eve", 1002, 8), ("4-bob", 1003, 2)]
    for name, user, hours in files:
        path = one.paths.keep_requests / f"{name}.json"
        path.write_text(json.dumps({"hours": hours}))
        os.utime(path, (4e9, 4e9) if user == 1002 else None)
        os.chown(path, user, -1)
    (one.paths.keep_requests / "0-eve.json").mkdir()
    os.chown(one.paths.keep_requests / "0-eve.json", 1002, -1)
    requests = []
    for _ in range(3):
        one.run_ticks(1)
        request = one.client.heartbeats[-1].keep_request
        assert request
        requests.append(request)
        one.client.response = HeartbeatResponse(keep_result=KeepResult(id=request.id, granted=True, message="kept"))
        one.run_ticks(1)
    assert [(each.id, each.hours) for each in requests] == [("1-ada", 4), ("3-eve", 8), ("4-bob", 2)]
    assert {path.stem for path in one.paths.keep_results.iterdir()} == {"1-ada", "3-eve", "4-bob"}
    assert [path.name for path in one.paths.keep_requests.iterdir()] == ["0-eve.json"], (
        "the requests of the three users are removed"
    )


@pytest.mark.parametrize(
    "content", ["", "[]", '{"hours": "4"}', '{"hours": -1}', '{"hours": 1e999}', '{"hours": true}', "[" * 100_000]
)
def test_invalid_keep_request_is_ignored(tmp_path: Path, content: str) -> None:
    one = build_machine(tmp_path)
    (one.paths.keep_requests / "1-aa.json").write_text(content)
    (one.paths.keep_requests / "2-link.json").symlink_to("/etc/passwd")
    assert one.run_ticks(1) == [True]
    assert one.client.heartbeats[-1].keep_request is None
