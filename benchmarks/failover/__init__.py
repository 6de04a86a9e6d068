"""Comparison of orders in which a launch tries zones, on a simulated month of capacity."""
