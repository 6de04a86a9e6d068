"""Costs by day and owner."""
