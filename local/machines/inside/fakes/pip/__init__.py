"""Fake pip, which links packages of the host into an environment and uses no network."""

__version__ = "22.0.2"
