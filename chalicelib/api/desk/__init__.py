"""Endpoints of the desk."""
