"""Serves the API over HTTP as API Gateway does."""
