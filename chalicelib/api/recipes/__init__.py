"""Endpoints of recipes."""
