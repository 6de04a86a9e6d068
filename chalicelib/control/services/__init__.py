"""What callers can ask for: one service for each capability. Each refusal is a `RequestError`."""
