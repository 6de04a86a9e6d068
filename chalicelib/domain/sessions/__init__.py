"""Connections to an instance through Session Manager."""
