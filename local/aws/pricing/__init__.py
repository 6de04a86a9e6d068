"""The Price List service: on-demand prices of EC2 instances."""
