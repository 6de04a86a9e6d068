"""GET /offers, GET /quotas and GET /regions over HTTP."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.region_capacity import CapacityAnswer, CapacityKey
from tests.api.client import Bench
from tests.unit.offers.offer_examples import PRICED_ON, build_reading

MINUTE = timedelta(minutes=1)
SEARCH = "/offers?instance_type=g4dn.xlarge"


def store_offers(
    bench: Bench, *, age: timedelta = timedelta(), use: int = 0, foreign_use: int | None = None, spot_limit: int = 16
) -> None:
    """Store the reading of the only region in which gpudesk is deployed.

    :param use: vCPUs of the on-demand quota of G and VT instances, which has 64
    :param spot_limit: vCPUs of their quota on spot
    """
    reading = build_reading(
        "us-east-1",
        bench.world.now - age,
        g4dn_xlarge=TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-1a": Decimal("0.1578"), "us-east-1b": None}),
        p4d_24xlarge=TypeOffering(Decimal("32.7726"), PRICED_ON, {"us-east-1b": Decimal("12.5")}),
    )
    quotas = QuotaReading(
        read_at=bench.world.now - age,
        limits={"L-3819A6DF": spot_limit, "L-DB2E81BA": 64},
        use={"L-3819A6DF": 4, "L-DB2E81BA": use},
        foreign_use={"L-3819A6DF": 0} | ({} if foreign_use is None else {"L-DB2E81BA": foreign_use}),
    )
    bench.world.application.offers.stores.offers.save(replace(reading, quotas=quotas))


def count_calls(bench: Bench, path: str) -> Counter[str]:
    before = bench.world.cloud.calls.copy()
    assert bench.ada("GET", path).status == 200
    return bench.world.cloud.count_calls_since(before)


def test_offers_are_ranked_with_price_and_age(bench: Bench) -> None:
    store_offers(bench)
    answer = bench.ada("GET", f"{SEARCH}&region=us-east-1").json
    now = f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    assert answer["items"][0] == {
        "rank": 1,
        "rank_reason": "No other offer is cheaper.",
        "instance_type": "g4dn.xlarge",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "market": "spot",
        "gpu": "T4",
        "gpu_count": 1,
        "gpu_memory_gib": 16.0,
        "vcpus": 4,
        "price_per_hour": "0.1578",
        "price_source": "spot_price_history",
        "price_read_at": now,
        "price_stale": False,
        "distance_km": 0,
        "likelihood": 0.5,
        "evidence": None,
        "quota": {"code": "L-3819A6DF", "free": 12, "need": 4, "kind": "enough"},
    }
    rest = [(each["zone"], each["market"], each["price_per_hour"], each["price_source"]) for each in answer["items"]]
    assert rest[1:] == [
        ("us-east-1a", "on-demand", "0.526", "catalog"),
        ("us-east-1b", "on-demand", "0.526", "catalog"),
        ("us-east-1b", "spot", None, None),
    ]
    nothing: dict[str, Any] = {"next_cursor": None, "left_out": [], "stale_regions": []}
    assert {**answer, "items": []} == {**nothing, "items": [], "as_of": now}


def test_answers_of_ec2_are_shown_and_change_the_order(bench: Bench) -> None:
    store_offers(bench)
    capacity = bench.world.application.reconciler.stores.capacity
    for number, (zone, result) in enumerate((("a", Result.LAUNCHED), ("a", Result.REFUSED), ("b", Result.LAUNCHED))):
        key = CapacityKey("g4dn.xlarge", f"us-east-1{zone}", Market.ON_DEMAND)
        capacity.add(
            CapacityAnswer(id=str(number), region="us-east-1", key=key, result=result, at=bench.world.now - MINUTE)
        )
    items = bench.ada("GET", f"{SEARCH}&market=on-demand").json["items"]
    shown = [(each["zone"], each["likelihood"], each["evidence"]) for each in items]
    refused = "launched in 1 of 2 tries, refused in the last, 60 s ago"
    assert shown == [("us-east-1b", 1.0, "launched in its only try, 60 s ago"), ("us-east-1a", 0.01, refused)]
    assert items[1]["rank_reason"].startswith("EC2 had no capacity for it 60 s ago")
    assert count_calls(bench, SEARCH) == {"dynamodb:GetItem": 2, "dynamodb:BatchGetItem": 1}


def test_pages_of_a_search_continue_each_other(bench: Bench) -> None:
    store_offers(bench)
    first = bench.ada("GET", f"{SEARCH}&limit=3").json
    second = bench.ada("GET", f"{SEARCH}&limit=3&cursor={first['next_cursor']}").json
    assert [each["rank"] for each in (*first["items"], *second["items"])] == [1, 2, 3, 4]
    assert (second["next_cursor"], second["left_out"]) == (None, first["left_out"])
    other = bench.ada("GET", f"/offers?gpu=T4&cursor={first['next_cursor']}")
    assert (other.status, list(other.field_errors)) == (422, ["cursor"])


def test_filters_apply_together_and_left_out_is_grouped(bench: Bench) -> None:
    store_offers(bench)
    answer = bench.slack("GET", "/offers?gpu=t4&gpu_count=1&market=on-demand&max_price=0.6&recipe=d2l-mxnet").json
    assert {(each["instance_type"], each["market"]) for each in answer["items"]} == {("g4dn.xlarge", "on-demand")}
    by_code = {group["code"]: group for group in answer["left_out"]}
    assert by_code["not_offered"] == {
        "code": "not_offered",
        "message": "us-east-1 does not offer this type.",
        "subjects": ["g4dn.16xlarge", "g4dn.2xlarge", "g4dn.4xlarge", "g4dn.8xlarge"],
        "subject_count": 4,
    }
    assert by_code["not_deployed"]["message"] == "gpudesk is not deployed in this region."
    assert len(by_code["not_deployed"]["subjects"]) == min(20, by_code["not_deployed"]["subject_count"])


def test_search_before_the_first_reading_says_so(bench: Bench) -> None:
    answer = bench.ada("GET", f"{SEARCH}&region=us-east-1").json
    assert (answer["items"], answer["as_of"]) == ([], None)
    assert [(group["code"], group["subjects"]) for group in answer["left_out"]] == [("not_read", ["us-east-1"])]


def test_old_offers_are_shown_and_marked(bench: Bench) -> None:
    store_offers(bench, age=timedelta(hours=26))
    answer = bench.ada("GET", f"{SEARCH}&market=spot").json
    assert [each["price_stale"] for each in answer["items"]] == [True, None]
    (stale,) = answer["stale_regions"]
    assert stale == {
        "region": "us-east-1",
        "read_at": answer["as_of"],
        "message": "Zones and prices of us-east-1 were read 26 h ago.",
    }


def test_limits_of_the_desk_apply(bench: Bench) -> None:
    store_offers(bench)
    bench.root("PATCH", "/desk", {"limits": {"gpu_count": 1}})
    (group,) = bench.ada("GET", "/offers?instance_type=p4d.24xlarge&region=us-east-1").json["left_out"]
    assert (group["code"], group["subjects"]) == ("gpu_limit", ["p4d.24xlarge"])


def test_regions_are_listed_from_the_nearest_with_their_gpus(bench: Bench) -> None:
    store_offers(bench)
    first = bench.ada("GET", "/regions?near=52.5,13.4&limit=2").json
    assert [(each["region"], each["place"]) for each in first["items"]] == [
        ("eu-central-1", "Frankfurt"),
        ("eu-central-2", "Zurich"),
    ]
    assert bench.ada("GET", f"/regions?limit=2&cursor={first['next_cursor']}").status == 422
    home = bench.ada("GET", "/regions?gpu=t4").json["items"][0]
    assert home == {
        "region": "us-east-1",
        "place": "N. Virginia",
        "distance_km": 0,
        "deployed": True,
        "allowed": True,
        "opt_in_status": None,
        "gpus": ["A100 40GB", "T4"],
        "read_at": f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_offer_whose_quota_is_exceeded_is_left_out_with_quota_need_use_and_limit(bench: Bench) -> None:
    store_offers(bench, use=62)
    answer = bench.ada("GET", f"{SEARCH}&region=us-east-1").json
    assert {each["market"] for each in answer["items"]} == {"spot"}
    assert answer["left_out"] == [
        {
            "code": "quota_exceeded",
            "message": "Quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1: 64 vCPUs, 62 in use; "
            "g4dn.xlarge needs 4.",
            "subjects": ["g4dn.xlarge on-demand in us-east-1"],
            "subject_count": 1,
        }
    ]


def test_quotas_show_limit_use_and_what_is_free(bench: Bench) -> None:
    store_offers(bench, use=62)
    first = bench.ada("GET", "/quotas?limit=6").json
    second = bench.ada("GET", f"/quotas?limit=6&cursor={first['next_cursor']}").json
    by_code = {each["code"]: each for each in (*first["items"], *second["items"])}
    assert len(by_code) == 7
    read = {"region": "us-east-1", "read_at": f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}", "stale": False, "request": None}
    assert by_code["L-DB2E81BA"] == {
        **read,
        "code": "L-DB2E81BA",
        "name": "Running On-Demand G and VT instances",
        "limit": 64,
        "use": 62,
        "free": 2,
    }
    assert by_code["L-417A185B"] == {
        **read,
        "code": "L-417A185B",
        "name": "Running On-Demand P instances",
        "limit": None,
        "use": None,
        "free": None,
    }


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("/offers?gpu=T5", "gpu", "Did you mean T4"),
        ("/offers?instance_type=g4dn.large", "instance_type", "Did you mean g4dn.xlarge"),
        ("/offers?gpu_count=0", "gpu_count", "must be a whole number of GPUs from 1 to 64, e.g. 1"),
        ("/offers?gpu_count=1.5", "gpu_count", "must be a whole number of GPUs"),
        ("/offers?min_gpu_memory_gib=x", "min_gpu_memory_gib", "must be a whole number of GiB from 1 to 1024"),
        ("/offers?region=us-east-9", "region", "must be one of us-east-2, us-east-1"),
        ("/offers?region=Berlin", "region", "must be a region of AWS, e.g. us-east-1"),
        ("/offers?near=Berlin", "near", "must be a region of AWS such as eu-west-1, a time zone such as"),
        ("/offers?market=cheap", "market", "must be on-demand or spot"),
        ("/offers?max_price=-1", "max_price", "must be the highest price in US dollars per hour"),
        ("/offers?max_price=1e3", "max_price", "must be the highest price in US dollars per hour"),
        ("/offers?recipe=d2l", "recipe", "must be one of"),
        ("/offers?gpus=T4", "gpus", "did you mean gpu?"),
        ("/quotas?region=eu-west-1", "region", "must be a region in which gpudesk is set up: us-east-1"),
        ("/offers?region=mars-1", "region", 'e.g. us-east-1, not the text "mars-1"; others are not searched'),
        ("/offers?min_gpu_memory_gib=-1", "min_gpu_memory_gib", 'e.g. 16 (an L4 has 22), not the text "-1"'),
        ("/offers?market=free", "market", 'on-demand or spot, not the text "free"; the default is both'),
        ("/offers?zzz=1", "zzz", "known: gpu, gpu_count, instance_type, min_gpu_memory_gib, region, near and 5 more"),
        ("/regions?zzz=1", "zzz", "known: gpu, near, limit, cursor"),
        ("/regions?near=100,0", "near", "not '100,0'"),
        ("/regions?gpu=T5", "gpu", "Did you mean T4"),
    ],
)
def test_wrong_query_names_the_field_and_what_is_accepted(bench: Bench, query: str, field: str, words: str) -> None:
    answer = bench.ada("GET", query)
    assert (answer.status, list(answer.field_errors)) == (422, [field])
    assert words in answer.field_errors[field]


def test_all_wrong_fields_of_a_search_are_named_at_once(bench: Bench) -> None:
    answer = bench.ada("GET", "/offers?gpu=T5&near=Berlin&region=us-east-9")
    assert list(answer.field_errors) == ["gpu", "near", "region"]


def test_gpu_that_no_region_has_says_why(bench: Bench) -> None:
    answer = bench.ada("GET", "/regions?gpu=V100").json
    assert (answer["items"], [group["code"] for group in answer["left_out"]]) == ([], ["type_unavailable"])
    assert "p3.2xlarge" in answer["left_out"][0]["subjects"]
    assert bench.ada("GET", "/regions?gpu=T4").json["left_out"] == []


@pytest.mark.parametrize("path", [SEARCH, "/offers?limit=100", "/regions"])
def test_answer_takes_one_call_besides_those_for_token_and_settings(bench: Bench, path: str) -> None:
    store_offers(bench)
    assert count_calls(bench, path) == {"dynamodb:GetItem": 2, "dynamodb:BatchGetItem": 1}


@pytest.mark.parametrize("path", ["/quotas", "/quotas/L-DB2E81BA"])
def test_quotas_are_read_with_one_call_and_the_active_instances_with_another_one(bench: Bench, path: str) -> None:
    store_offers(bench)
    assert count_calls(bench, path) == {"dynamodb:GetItem": 1, "dynamodb:BatchGetItem": 1, "dynamodb:Query": 1}


def test_quotas_of_one_region_are_listed(bench: Bench) -> None:
    offers = replace(bench.world.application.offers, regions=("us-east-1", "us-west-2"))
    assert {each.region for each in offers.list_quotas()} == {"us-east-1", "us-west-2"}
    assert {each.region for each in offers.list_quotas("us-west-2")} == {"us-west-2"}
    assert len(bench.ada("GET", "/quotas/L-DB2E81BA?region=us-east-1").json["items"]) == 1
