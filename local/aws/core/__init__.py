"""The local cloud itself: moto with time, faults, events and an admin API."""
