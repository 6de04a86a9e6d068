"""Text of messages: sentences and plurals."""

from decimal import Decimal

USD_QUANTUM = Decimal("0.000001")


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


def round_usd(value: Decimal) -> Decimal:
    """Millionths of a dollar: a gp3 GiB-second is less than a ten-millionth, a rounded hour is still right."""
    return value.quantize(USD_QUANTUM)
