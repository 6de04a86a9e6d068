"""Hold the settings of the desk and of the owners: mode, defaults, limits, policies and notification channels."""
