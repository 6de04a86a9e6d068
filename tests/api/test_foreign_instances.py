"""GET /foreign-instances, POST /instances/adopt and GET /adoptions over HTTP."""

from dataclasses import replace

import pytest

from chalicelib.domain.foreign.inventory import Inventory, RegionReading
from chalicelib.domain.instances.ec2_instance import Ec2State
from tests.api.client import Bench
from tests.unit.foreign.examples import EC2_ID, NOW, build_foreign

STAMP = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
BODY = {"instance_id": EC2_ID, "owner": "ada", "region": "us-east-1"}


def store_instances(bench: Bench) -> None:
    """Store three foreign instances of two regions, one of which could not be read the last time."""
    near = RegionReading(
        region="us-east-1",
        read_at=NOW,
        instances=(
            build_foreign(1, name="training", tags={"Name": "training"}, disk_gib=100, manager="Amazon EKS"),
            build_foreign(2, instance_type="g99.xlarge"),
        ),
    )
    far = RegionReading(region="eu-west-1", instances=(build_foreign(3, region="eu-west-1", state=Ec2State.STOPPED),))
    readings = (near, replace(far, read_at=None, problem="There was no time left to read the region."))
    bench.world.application.foreign.stores.foreign_instances.save(Inventory(as_of=NOW, readings=readings))


def test_foreign_instances_are_listed_page_by_page_with_their_prices(bench: Bench) -> None:
    store_instances(bench)
    first = bench.root("GET", "/foreign-instances?limit=1").json
    assert first["items"] == [
        {
            "instance_id": "i-00000001",
            "name": "training",
            "region": "us-east-1",
            "zone": "us-east-1a",
            "instance_type": "g5.xlarge",
            "gpu": "A10G",
            "gpu_count": 1,
            "market": "on-demand",
            "state": "running",
            "launched_at": STAMP,
            "price_per_day": "24.144000",
            "disk_price_per_day": "0.263014",
            "tags": {"Name": "training"},
            "managed_by": "Amazon EKS",
            "other_stage": None,
        }
    ]
    assert (first["as_of"], first["region_count"], first["left_out_count"]) == (STAMP, 2, 0)
    unread = {"region": "eu-west-1", "read_at": None, "message": "There was no time left to read the region."}
    assert first["unread_regions"] == [unread]
    rest = bench.root("GET", f"/foreign-instances?cursor={first['next_cursor']}").json
    assert [(each["instance_id"], each["price_per_day"], each["gpu"]) for each in rest["items"]] == [
        ("i-00000002", None, None),
        ("i-00000003", "0.000000", "A10G"),
    ]
    assert rest["next_cursor"] is None


def test_nothing_is_listed_before_the_first_reading(bench: Bench) -> None:
    answer = bench.root("GET", "/foreign-instances").json
    assert (answer["items"], answer["as_of"], answer["region_count"]) == ([], None, 0)
    assert answer["adopt_tag"] == {"key": "gpudesk:adopt", "value": "dev"}


def test_adoption_is_recorded_once_and_shown(bench: Bench) -> None:
    answer = bench.root("POST", "/instances/adopt", BODY)
    assert (answer.status, answer.headers["location"]) == (202, f"/adoptions/{EC2_ID}")
    assert (answer.json["state"], answer.json["requested_by"]) == ("requested", "root for ada")
    shown = bench.root("GET", f"/adoptions/{EC2_ID}").json
    assert shown == {key: value for key, value in answer.json.items() if key != "warnings"}
    again = bench.root("POST", "/instances/adopt", BODY)
    assert again.json["requested_at"] == shown["requested_at"]


def test_open_adoption_is_not_replaced_by_one_for_another_owner(bench: Bench) -> None:
    bench.root("POST", "/instances/adopt", BODY)
    answer = bench.root("POST", "/instances/adopt", {**BODY, "owner": "bob"})
    assert (answer.status, answer.json["code"]) == (409, "adoption_in_progress")
    assert "for ada" in answer.json["detail"]
    assert bench.root("GET", f"/adoptions/{EC2_ID}").json["owner"] == "ada"


def test_adoption_for_an_owner_without_a_channel_warns_as_a_launch_does(bench: Bench) -> None:
    (warning,) = bench.root("POST", "/instances/adopt", {**BODY, "owner": "nobody-known"}).json["warnings"]
    assert warning["code"] == "no_channel"
    assert "nobody-known" in warning["message"]


def test_region_of_a_listed_instance_may_be_left_out(bench: Bench) -> None:
    store_instances(bench)
    body = {"instance_id": "i-00000001", "owner": "ada"}
    assert bench.root("POST", "/instances/adopt", body).json["region"] == "us-east-1"
    answer = bench.root("POST", "/instances/adopt", {**body, "instance_id": EC2_ID})
    assert answer.field_errors == {
        "region": f"is required, because GET /foreign-instances does not list {EC2_ID}",
    }


def test_region_without_gpudesk_is_refused(bench: Bench) -> None:
    answer = bench.root("POST", "/instances/adopt", {**BODY, "region": "eu-west-1"})
    assert answer.status == 422
    assert answer.json["detail"] == "gpudesk is not deployed in eu-west-1, so it cannot adopt there."
    assert "us-east-1" in answer.field_errors["region"]


def test_adopted_instance_is_not_adopted_again(bench: Bench) -> None:
    bench.root("POST", "/instances/adopt", BODY)
    launched = bench.world.launch()
    repository = bench.world.application.foreign.stores.instances
    record = replace(launched, id=f"gd-{EC2_ID[2:]}", name="adopted", owner="ada", version=None)
    assert repository.adopt(record, [])
    shown = bench.root("GET", f"/adoptions/{EC2_ID}").json
    assert (shown["state"], shown["record_id"]) == ("adopted", record.id)
    answer = bench.root("POST", "/instances/adopt", BODY)
    assert (answer.status, answer.json["code"]) == (409, "already_managed")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/foreign-instances", None),
        ("POST", "/instances/adopt", BODY),
        ("GET", f"/adoptions/{EC2_ID}", None),
    ],
    ids=["list", "adopt", "show"],
)
def test_only_admins_see_and_adopt_foreign_instances(bench: Bench, method: str, path: str, body: object) -> None:
    answer = bench.ada(method, path, body)
    assert (answer.status, answer.json["code"]) == (403, "admin_only")


def test_unknown_adoption_is_not_found(bench: Bench) -> None:
    answer = bench.root("GET", "/adoptions/i-00000009")
    assert (answer.status, answer.json["code"]) == (404, "adoption_not_found")
    assert bench.root("GET", "/adoptions/nothing").status == 422
