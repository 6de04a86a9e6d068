"""Recipes: what is in the file, and what a malformed one is told."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.recipes import PLACEHOLDERS, MalformedRecipe, fill, parse_recipes
from chalicelib.store import data_files
from ssm_documents.compose import compose


def recipe(**changes: Any) -> dict[str, Any]:
    use = {"name": "a-document", "parameters": {"attemptId": "${attempt_id}"}, "timeout_minutes": 3}
    entry = {"title": "T", "description": "D", "documents": [use | changes], "jupyter_port": None}
    return {"recipes": {"mine": entry}}


def test_a_recipe_is_read_with_its_documents_in_order() -> None:
    jupyter = data_files.recipes()["jupyter"]
    assert [use.name for use in jupyter.documents] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert jupyter.jupyter_port == 8888
    assert data_files.recipes()["bare"].jupyter_port is None


def test_placeholders_are_filled_in_and_the_rest_is_kept() -> None:
    filled = fill({"a": "x-${region}-${attempt_id}", "b": "plain"}, {"region": "eu-west-1", "attempt_id": "a1"})
    assert filled == {"a": "x-eu-west-1-a1", "b": "plain"}


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again() -> None:
    assert fill({"a": "${region}"}, {"region": "${attempt_id}"}) == {"a": "${attempt_id}"}


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="region"):
        fill({"a": "${region}"}, {})


@pytest.mark.parametrize("text", ["${owner}", "$region", "${region", "${}", "a$"])
def test_an_unknown_or_broken_placeholder_is_refused_when_the_recipe_is_read(text: str) -> None:
    with pytest.raises(MalformedRecipe, match=r"mine.*a-document.*attemptId.*only .*\$\{region\}"):
        parse_recipes(recipe(parameters={"attemptId": text}))


def test_a_missing_field_is_named() -> None:
    data = recipe()
    del data["recipes"]["mine"]["title"]
    with pytest.raises(MalformedRecipe, match=r"'mine' lacks 'title'"):
        parse_recipes(data)


@pytest.mark.parametrize("name", ["bare", "jupyter", "d2l-mxnet", "d2l-pytorch"])
def test_every_recipe_gives_its_documents_what_they_need_and_nothing_that_they_do_not_take(name: str) -> None:
    for use in data_files.recipes()[name].documents:
        taken = compose(use.name)["parameters"]
        needed = {parameter for parameter, entry in taken.items() if "default" not in entry}
        assert needed <= set(use.parameters) <= set(taken)


@pytest.mark.parametrize("name", ["bare", "jupyter", "d2l-mxnet", "d2l-pytorch"])
def test_a_document_gets_at_least_the_time_that_its_steps_may_take(name: str) -> None:
    for use in data_files.recipes()[name].documents:
        steps = compose(use.name)["mainSteps"]
        limits = sum(int(step["inputs"]["timeoutSeconds"]) for step in steps)
        assert use.timeout >= timedelta(seconds=limits)


def test_all_placeholders_are_used_by_some_recipe() -> None:
    texts = " ".join(
        text for each in data_files.recipes().values() for use in each.documents for text in use.parameters.values()
    )
    assert all(f"${{{name}}}" in texts for name in PLACEHOLDERS)
