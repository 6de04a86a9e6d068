"""The instance types and GPUs that can be requested."""
