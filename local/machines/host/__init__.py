"""The simulated instances as the local cloud sees them."""
