"""Endpoints of the caller: /me."""
