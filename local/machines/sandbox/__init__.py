"""Linux namespaces in which the scripts of a machine run."""
