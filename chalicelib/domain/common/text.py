"""Text of messages: sentences and plurals."""

from decimal import Decimal


def ensure_period(text: str) -> str:
    """Return `text` with a final period, where it has no other end."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def to_sentence(text: str) -> str:
    """Return `text` with a capital first letter and a final period, where it has no other end."""
    return ensure_period(text[:1].upper() + text[1:])


def pluralize(count: int, noun: str) -> str:
    """Return the count and its noun: "1 hour", "2 hours"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_usd(amount: Decimal) -> str:
    """Return US dollars to a tenth of a cent, as "$0.526"."""
    return f"${amount:.3f}"
