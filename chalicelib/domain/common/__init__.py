"""Hold the definitions that all capabilities of the domain use."""
