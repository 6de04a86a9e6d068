"""Settings of the desk and of its owners: mode, defaults, limits, notification channels."""
