"""Endpoints of owners."""
