"""What is too large for a pretend machine, as small modules that do what a setup and a first notebook need."""
