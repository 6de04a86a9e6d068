"""Endpoints of sessions."""
