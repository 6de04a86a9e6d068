"""Images of instances: their record and the state machine that creates and deletes them."""
