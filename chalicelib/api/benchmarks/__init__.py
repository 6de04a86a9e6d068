"""Endpoints of benchmarks."""
