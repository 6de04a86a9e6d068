"""Images of instances: record, state machine, and selection for a launch."""
