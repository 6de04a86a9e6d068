"""Estimate, request and cancel a move over HTTP."""

from urllib.parse import urlencode

from tests.api.client import Answer, Bench

PATH = "/instances/brave-otter/move"


def check_refused_alike(bench: Bench, target: dict[str, str], code: str) -> Answer:
    """Check that the estimate and the request are refused with the same problem, and return it."""
    estimate = bench.ada("GET", f"{PATH}?{urlencode(target)}")
    request = bench.ada("POST", PATH, target)
    assert request.json["code"] == code
    assert estimate.status == request.status
    assert {**estimate.json, "detail": "", "instance": ""} == {**request.json, "detail": "", "instance": ""}
    return request


def test_move_is_refused_with_reasons_or_estimated_requested_and_cancelled(bench: Bench) -> None:
    bench.world.launch_until_stopped(name="brave-otter")
    here = bench.ada("GET", "/instances/brave-otter").json["status"]["zone"]
    other = "us-east-1b" if here == "us-east-1a" else "us-east-1a"
    for body, field, message in (
        ({"region": "eu-west-1"}, "region", "gpudesk is not set up in eu-west-1"),
        ({"zone": "us-west-2a"}, "zone", f"must be a zone of us-east-1, such as {other}"),
        ({"zone": here}, "zone", "must be another zone"),
        ({"instance_type": "g5g.xlarge"}, "instance_type", "g5g.xlarge is arm64"),
        ({"instance_type": "g99.xlarge"}, "instance_type", "g99.xlarge"),
    ):
        refused = check_refused_alike(bench, body, "invalid_request")
        assert refused.json["errors"][0]["field"] == field
        assert message in refused.json["errors"][0]["message"]

    estimate = bench.ada("GET", f"{PATH}?instance_type=g4dn.2xlarge").json
    assert (estimate["region"], estimate["transfer_cost"]) == ("us-east-1", "0")
    assert estimate["expected_minutes"] > 15
    assert 0 < float(estimate["storage_cost"]) < 0.1
    moved = bench.ada("POST", PATH, {"instance_type": "g4dn.2xlarge"})
    assert moved.status == 202
    assert moved.json["estimate"] == estimate
    assert moved.json["status"]["move"]["step"] == "image"
    check_refused_alike(bench, {}, "move_in_progress")
    bench.world.pass_minutes(2)
    cancelled = bench.ada("DELETE", PATH)
    assert (cancelled.status, cancelled.json["status"]["move"]["step"]) == (202, "clean-up")
    bench.world.pass_minutes(8, sweep_every=2)
    after = bench.ada("GET", "/instances/brave-otter").json
    assert (after["phase"], after["status"]["move"]) == ("stopped", None)
    assert bench.world.ec2.describe_images(Owners=["self"])["Images"] == []
