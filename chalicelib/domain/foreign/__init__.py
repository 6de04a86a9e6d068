"""GPU instances of the account that gpudesk does not manage: list them, and bring one under gpudesk."""
