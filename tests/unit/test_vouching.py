"""Which documents an image vouches for: by the last run of each, whichever setup that belonged to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain import lifecycle
from chalicelib.domain.baked import Baked, use_hash
from chalicelib.domain.errors import GiveUp
from chalicelib.domain.further_setup import RESULTS_KEPT, FurtherSetup, kept, set_up
from chalicelib.domain.instance import DocumentRun, Phase, Setup
from chalicelib.domain.plan import SendDocument
from chalicelib.domain.recipes import DocumentUse
from chalicelib.domain.setup_results import DocumentResult
from chalicelib.domain.vouching import baked_of
from tests.property.world import ADA, ready

NOW = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
ONE, TWO, THREE = (DocumentUse(name, parameters={}, timeout=timedelta(minutes=5)) for name in ("one", "two", "three"))


def result(use: DocumentUse, mark: str = "a", **facts: Any) -> DocumentResult:
    facts = {"succeeded": True, "ended_at": NOW, "use": use_hash(use), "content": "c", **facts}
    return DocumentResult(name=use.name, started_at=NOW, fingerprint=mark, **facts)


def vouched_for(setup: Setup) -> list[tuple[str, str]]:
    return [(each.name, each.fingerprint) for each in baked_of(setup)]


def test_what_an_earlier_setup_installed_is_vouched_for_after_another_one() -> None:
    after = Setup(recipe="added", documents=(THREE,), index=1, results=(result(ONE), result(TWO), result(THREE)))
    assert vouched_for(after) == [("one", "a"), ("two", "a"), ("three", "a")]


def test_a_document_counts_by_its_last_run_alone() -> None:
    twice = (result(ONE), result(TWO), result(ONE, "b"), result(TWO, "b", succeeded=False))
    assert vouched_for(Setup(recipe="any", documents=(THREE,), index=1, results=twice)) == [("one", "b")]


def test_what_is_half_done_or_given_up_is_not_vouched_for_by_an_earlier_run() -> None:
    again = Setup(recipe="any", documents=(ONE, TWO), index=0, given_up=True, results=(result(ONE), result(TWO)))
    assert vouched_for(again) == [("two", "a")]


def test_what_ssm_refused_is_not_vouched_for_after_another_setup_either() -> None:
    run = DocumentRun(attempt_id="a", sent_at=NOW, called_at=NOW, fingerprint="b")
    again = Setup(recipe="any", documents=(ONE,), further=True, run=run, results=(result(ONE), result(TWO)))
    setting_up = replace(ready(), phase=Phase.SETTING_UP, setup=again)
    step = SendDocument("one", parameters={}, attempt_id="a", limit=ONE.timeout)
    refused = lifecycle.note(setting_up, step, GiveUp("AccessDenied", "no"), NOW).instance.setup
    assert vouched_for(replace(refused, documents=(THREE,), index=1)) == [("two", "a")], "an answer may have been lost"


def test_what_came_with_an_image_is_vouched_for_until_it_runs_otherwise() -> None:
    came = tuple(
        Baked(name=use.name, use=use_hash(use), fingerprint="a", content="c", seconds=500) for use in (ONE, TWO, THREE)
    )
    ran = (result(ONE, ended_at=NOW + timedelta(seconds=2)), result(TWO, "b", ended_at=NOW + timedelta(seconds=9)))
    found = {
        each.name: each
        for each in baked_of(Setup(recipe="any", documents=(ONE, TWO), index=2, baked=came, results=ran))
    }
    assert found["one"].seconds == 500, "it was there already: done again in no time"
    assert (found["two"].fingerprint, found["two"].seconds) == ("b", 9)
    assert found["three"] == came[2]


def test_another_setup_forgets_nothing_of_what_came_with_the_image() -> None:
    came = Baked(name="two", use=use_hash(TWO), fingerprint="a", content="c", seconds=500)
    there = replace(
        ready(), setup=Setup(recipe="any", documents=(ONE,), index=1, baked=(came,), results=(result(ONE),))
    )
    what = FurtherSetup("added", parameters={}, documents=(THREE,), said={}, skipped=None)
    setup = set_up(there, what, ADA, NOW).instance.setup
    assert vouched_for(replace(setup, index=1, results=(*setup.results, result(THREE)))) == [
        ("two", "a"),
        ("one", "a"),
        ("three", "a"),
    ]


@pytest.mark.parametrize("unknown", [{"fingerprint": None}, {"content": None}])
def test_result_without_a_hash_vouches_for_nothing(unknown: dict[str, Any]) -> None:
    unmarked = replace(result(ONE), **unknown)
    assert baked_of(Setup(recipe="any", documents=(ONE,), index=1, results=(unmarked,))) == ()


def test_however_many_setups_there_were_the_last_result_of_each_document_is_kept() -> None:
    results = (result(TWO), result(ONE), *(result(THREE, str(number)) for number in range(RESULTS_KEPT)))
    assert [each.name for each in kept(results)[:2]] == ["two", "one"]
    more = (*results, result(ONE, "b"))
    assert [(each.name, each.fingerprint) for each in kept(more) if each.name != "three"] == [
        ("two", "a"),
        ("one", "b"),
    ]
