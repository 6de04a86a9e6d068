"""Documents that an image contains, by the last run of each document in any setup."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request
from chalicelib.domain.instances.commands.setup_request import SetupRequest
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult
from chalicelib.domain.setup.state import (
    MAX_RETAINED_RESULTS,
    DocumentRun,
    SetupState,
    collect_documents_for_image,
    retain_results,
)
from tests.support.ready_instance import ADA, build_ready_instance

NOW = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
ONE, TWO, THREE = (
    RecipeDocument(name, parameters={}, timeout=timedelta(minutes=5)) for name in ("one", "two", "three")
)


def build_result(use: RecipeDocument, parameters_hash: str = "a", **facts: Any) -> DocumentResult:
    facts = {
        "succeeded": True,
        "ended_at": NOW,
        "recipe_hash": hash_recipe_document(use),
        "document_hash": "c",
        **facts,
    }
    return DocumentResult(name=use.name, started_at=NOW, parameters_hash=parameters_hash, **facts)


def list_parameters_hashes(setup: SetupState) -> list[tuple[str, str]]:
    return [(each.name, each.parameters_hash) for each in collect_documents_for_image(setup)]


def test_documents_of_an_earlier_setup_are_in_an_image_after_a_second_setup() -> None:
    after = SetupState(
        recipe="added",
        documents=(THREE,),
        document_index=1,
        results=(build_result(ONE), build_result(TWO), build_result(THREE)),
    )
    assert list_parameters_hashes(after) == [("one", "a"), ("two", "a"), ("three", "a")]


def test_only_the_last_run_of_a_document_counts() -> None:
    twice = (build_result(ONE), build_result(TWO), build_result(ONE, "b"), build_result(TWO, "b", succeeded=False))
    assert list_parameters_hashes(SetupState(recipe="any", documents=(THREE,), document_index=1, results=twice)) == [
        ("one", "b")
    ]


def test_incomplete_or_abandoned_document_is_not_in_an_image_despite_an_earlier_run() -> None:
    again = SetupState(
        recipe="any",
        documents=(ONE, TWO),
        document_index=0,
        abandoned=True,
        results=(build_result(ONE), build_result(TWO)),
    )
    assert list_parameters_hashes(again) == [("two", "a")]


def test_document_that_ssm_rejected_is_not_in_an_image_after_a_second_setup() -> None:
    run = DocumentRun(attempt_id="a", sent_at=NOW, last_sent_at=NOW, parameters_hash="b")
    again = SetupState(
        recipe="any",
        documents=(ONE,),
        on_running_instance=True,
        current_run=run,
        results=(build_result(ONE), build_result(TWO)),
    )
    setting_up = replace(build_ready_instance(), phase=Phase.SETTING_UP, setup=again)
    step = SendDocument("one", parameters={}, attempt_id="a", timeout=ONE.timeout)
    refused = outcomes.record_outcome(setting_up, step, PermanentAwsError("AccessDenied", "no"), NOW).instance.setup
    assert list_parameters_hashes(replace(refused, documents=(THREE,), document_index=1)) == [("two", "a")], (
        "a response may have been lost"
    )


def test_document_of_the_image_is_installed_until_it_runs_with_other_parameters() -> None:
    inherited = tuple(
        InstalledDocument(
            name=use.name, recipe_hash=hash_recipe_document(use), parameters_hash="a", document_hash="c", seconds=500
        )
        for use in (ONE, TWO, THREE)
    )
    results = (
        build_result(ONE, ended_at=NOW + timedelta(seconds=2)),
        build_result(TWO, "b", ended_at=NOW + timedelta(seconds=9)),
    )
    found = {
        each.name: each
        for each in collect_documents_for_image(
            SetupState(
                recipe="any", documents=(ONE, TWO), document_index=2, installed_documents=inherited, results=results
            )
        )
    }
    assert found["one"].seconds == 500, "a rerun of an installed document keeps the duration of its first run"
    assert (found["two"].parameters_hash, found["two"].seconds) == ("b", 9)
    assert found["three"] == inherited[2]


def test_second_setup_retains_the_documents_of_the_image() -> None:
    inherited = InstalledDocument(
        name="two", recipe_hash=hash_recipe_document(TWO), parameters_hash="a", document_hash="c", seconds=500
    )
    there = replace(
        build_ready_instance(),
        setup=SetupState(
            recipe="any",
            documents=(ONE,),
            document_index=1,
            installed_documents=(inherited,),
            results=(build_result(ONE),),
        ),
    )
    what = SetupRequest("added", parameters={}, documents=(THREE,), given_parameters={}, skipped_message=None)
    setup = apply_setup_request(there, what, ADA, NOW).instance.setup
    assert list_parameters_hashes(replace(setup, document_index=1, results=(*setup.results, build_result(THREE)))) == [
        ("two", "a"),
        ("one", "a"),
        ("three", "a"),
    ]


@pytest.mark.parametrize("unknown", [{"parameters_hash": None}, {"document_hash": None}])
def test_result_without_a_hash_is_not_an_installed_document(unknown: dict[str, Any]) -> None:
    unmarked = replace(build_result(ONE), **unknown)
    assert (
        collect_documents_for_image(SetupState(recipe="any", documents=(ONE,), document_index=1, results=(unmarked,)))
        == ()
    )


def test_last_result_of_each_document_is_retained_after_many_setups() -> None:
    results = (
        build_result(TWO),
        build_result(ONE),
        *(build_result(THREE, str(number)) for number in range(MAX_RETAINED_RESULTS)),
    )
    assert [retain_result.name for retain_result in retain_results(results)[:2]] == ["two", "one"]
    more = (*results, build_result(ONE, "b"))
    assert [
        (retain_result.name, retain_result.parameters_hash)
        for retain_result in retain_results(more)
        if retain_result.name != "three"
    ] == [
        ("two", "a"),
        ("one", "b"),
    ]
