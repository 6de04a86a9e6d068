"""Fake `d2l`, the package of the book Dive into Deep Learning."""

from importlib.metadata import version

__version__ = version("d2l")
