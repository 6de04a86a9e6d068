"""The field `before_stop_hook` of launches, instances and owners: a path and never command text."""

import pytest

from tests.api.client import Bench

HOOK = "/home/ubuntu/save.sh"


def test_hook_of_the_owner_applies_to_launches_and_each_instance_can_change_it(bench: Bench) -> None:
    assert bench.ada("PATCH", "/owners/ada", {"before_stop_hook": HOOK}).json["before_stop_hook"] == HOOK
    bench.ada("PATCH", "/owners/ada", {"idle_policy": None})
    launched = bench.ada("POST", "/instances", {"gpu": "T4", "name": "first"}).json
    assert launched["spec"]["before_stop_hook"] == HOOK
    own = bench.ada("POST", "/instances", {"gpu": "T4", "before_stop_hook": "/home/ubuntu/bin/other"}).json
    assert own["spec"]["before_stop_hook"] == "/home/ubuntu/bin/other"
    changed = bench.ada("PATCH", "/instances/first", {"max_hours": 5})
    assert changed.json["spec"]["before_stop_hook"] == HOOK, "a field that is left out stays"
    removed = bench.ada("PATCH", "/instances/first", {"before_stop_hook": None}).json
    assert removed["spec"]["before_stop_hook"] is None
    assert bench.ada("PATCH", "/owners/ada", {"before_stop_hook": None}).json["before_stop_hook"] is None


@pytest.mark.parametrize(
    "path", ["rm -rf /", "/home/ubuntu/../root/x", "/home/ubuntu/a;reboot", "/root/x", f"/home/ubuntu/{'x' * 41}"]
)
def test_command_text_and_paths_outside_the_home_folder_are_rejected(bench: Bench, path: str) -> None:
    bench.world.launch(name="first")
    for method, url in (("PATCH", "/instances/first"), ("PATCH", "/owners/ada"), ("POST", "/instances")):
        answer = bench.ada(method, url, {"before_stop_hook": path, **({"gpu": "T4"} if method == "POST" else {})})
        assert answer.status == 422
        (error,) = answer.json["errors"]
        assert error["field"] == "before_stop_hook"
        assert "must be the path of a program: /home/ubuntu/ and 1 to 40" in error["message"]
