"""The instances table, its items and its queries."""
