"""The images table: its models and its repository."""
