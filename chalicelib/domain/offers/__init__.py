"""Offers: ways to satisfy a request for GPUs, and how likely AWS has capacity for each."""
