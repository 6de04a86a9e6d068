"""How things look from outside. What is not known is null; times are UTC, money is USD as decimal strings."""
