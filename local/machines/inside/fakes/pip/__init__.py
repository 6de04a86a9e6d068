"""pip's stand-in: installs from the packages that the host shows to the machine, by linking, without a network."""

__version__ = "22.0.2"
