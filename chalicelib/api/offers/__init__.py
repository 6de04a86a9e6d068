"""Endpoints of offers and regions."""
