"""Find characters that a reader cannot see: control characters, and those that hide or reorder text."""

import unicodedata

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Control, format (zero-width and bidirectional), unassigned, private, surrogate, line and paragraph separator.

https://www.unicode.org/reports/tr44/#General_Category_Values
"""


def is_visible(text: str) -> bool:
    """Return whether a reader sees every character of `text`. A space counts as visible."""
    return not any(_is_invisible(character) for character in text)


def escape_invisible(text: str) -> str:
    """Return `text` with an escape sequence such as \\u202e in place of each character that a reader cannot see."""
    return "".join(
        character.encode("unicode_escape").decode() if _is_invisible(character) else character for character in text
    )


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE_CATEGORIES
