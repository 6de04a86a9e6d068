"""Define the markets of EC2: on-demand and spot."""

from enum import StrEnum


class Market(StrEnum):
    """How EC2 sells an instance."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
