"""STS: roles that are assumed, on the cloud's clock, and what their credentials may do."""
