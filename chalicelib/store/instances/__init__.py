"""The instances table: its models, the writes that belong to a record, and the repositories."""
