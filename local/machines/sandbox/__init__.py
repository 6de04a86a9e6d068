"""Linux namespaces in which an instance's scripts run."""
