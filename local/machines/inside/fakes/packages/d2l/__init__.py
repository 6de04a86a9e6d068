"""A stand-in for the package of Dive into Deep Learning."""

from importlib.metadata import version

__version__ = version("d2l")
