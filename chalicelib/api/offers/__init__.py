"""Endpoints of offers, quotas and regions."""
