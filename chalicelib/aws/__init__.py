"""Calls to AWS, one module for each service. They return domain values and raise domain errors."""
