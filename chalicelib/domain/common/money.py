"""Round and format amounts in US dollars."""

from decimal import Decimal

USD_QUANTUM = Decimal("0.000001")
"""Amounts are kept to a millionth of a dollar: an hour of one GiB of gp3 costs about a ten-thousandth."""


def round_usd(amount: Decimal) -> Decimal:
    """Return US dollars, rounded to a millionth."""
    return amount.quantize(USD_QUANTUM)


def format_usd(amount: Decimal) -> str:
    """Return US dollars to a tenth of a cent, as "$0.526"."""
    return f"${amount:.3f}"


def format_exact_usd(amount: Decimal) -> str:
    """Return US dollars without rounding, as "$0.1473": who sends this amount as a limit stays within it."""
    whole, _, decimals = f"{amount.normalize():f}".partition(".")
    return f"${whole}.{decimals:0<3}"


def format_usd_cents(amount: Decimal) -> str:
    """Return US dollars to a cent, as "$5.12"."""
    return f"${amount:.2f}"
