"""Ways to connect to an instance through Session Manager."""
