"""Callers of the API and their permissions."""
