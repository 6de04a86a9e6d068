"""The document engine of the SSM agent."""
