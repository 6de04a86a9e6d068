"""Endpoints of foreign instances and adoptions."""
