"""Endpoints of instances."""
