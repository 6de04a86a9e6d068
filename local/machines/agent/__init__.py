"""Document engine of the SSM agent."""
