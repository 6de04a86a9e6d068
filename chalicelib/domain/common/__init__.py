"""Definitions that every capability of the domain uses."""
