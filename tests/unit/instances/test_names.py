"""Generated names, and the check of names in requests."""

import random

import pytest

from chalicelib.domain.instances.names import generate_name, is_valid_name
from chalicelib.store import data_files

words = data_files.load_word_lists()


def test_generated_name_is_an_adjective_and_an_animal() -> None:
    adjective, animal = generate_name(words, random.Random(7).choice).split("-")
    assert adjective in words.adjectives
    assert animal in words.animals


def test_every_generated_name_is_valid() -> None:
    assert all(is_valid_name(f"{adjective}-{animal}") for adjective in words.adjectives for animal in words.animals)


def test_word_lists_have_at_least_120_different_words() -> None:
    for each in (words.adjectives, words.animals):
        assert len(set(each)) == len(each) >= 120
        assert all(word.isascii() and word.isalpha() and len(word) <= 10 for word in each)


@pytest.mark.parametrize("name", ["abc", "brave-otter", "a12", "x-1-2", "a" * 40, "idea", "gdansk"])
def test_valid_name_is_accepted(name: str) -> None:
    assert is_valid_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 41,
        "Brave-otter",
        "brave_otter",
        "brave otter",
        "1st",
        "-ab",
        "abc-",
        "a--b",
        "i-0123456789abcdef0",
        "i-robot",
        "gd-abc",
        "adopt",
        "abc\n",
        "ötter",
        "../etc",
    ],
)
def test_malformed_or_id_like_name_is_rejected(name: str) -> None:
    assert not is_valid_name(name)
