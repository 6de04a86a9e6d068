"""Characters that a reader cannot see."""

import pytest

from chalicelib.domain.common.visible_text import escape_invisible, is_visible

INVISIBLE = ["\x00", "\t", "\n", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff", "\ue000", "\U000e0041"]


@pytest.mark.parametrize("character", INVISIBLE)
def test_invisible_character_is_found_and_escaped(character: str) -> None:
    assert not is_visible(f"T4{character}")
    assert is_visible(escape_invisible(f"T4{character}"))


@pytest.mark.parametrize("text", ["", "RTX PRO 6000", "Zürich", "東京", "c:\\users"])
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert is_visible(text)
    assert escape_invisible(text) == text
