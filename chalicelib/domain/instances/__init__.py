"""The instance: its record, its lifecycle, and the commands that change it."""
