"""From a launch request to a complete spec."""
