"""The host's side of machines: the interface of a fleet, and its two implementations."""
