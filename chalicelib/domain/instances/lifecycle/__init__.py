"""The state machine of an instance: decisions and the outcomes of calls."""
