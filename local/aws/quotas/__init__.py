"""Extension of Service Quotas: the quotas of EC2 instances."""
