"""The pretend instances: the agent's engine as tables, the sandbox by really running in it."""
