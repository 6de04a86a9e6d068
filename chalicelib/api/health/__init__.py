"""Endpoints of health."""
