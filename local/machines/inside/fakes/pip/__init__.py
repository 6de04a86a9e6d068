"""Fake pip: installs from the packages that the host shows to the machine, by links and without a network."""

__version__ = "22.0.2"
