"""Costs of instances by day and owner."""
