"""Offers: ways to satisfy a request for GPUs, at what price, and how likely AWS has capacity for each."""
