"""A stand-in for the package of Dive into Deep Learning."""

__version__ = "1.0.3"
