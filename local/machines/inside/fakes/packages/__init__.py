"""Small modules in place of packages that are too large here. They do what a setup and a first notebook need."""
