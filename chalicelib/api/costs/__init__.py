"""Endpoints of costs."""
