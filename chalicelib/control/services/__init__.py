"""Requests of callers: one service for each capability. Each refusal is a `RequestError`."""
