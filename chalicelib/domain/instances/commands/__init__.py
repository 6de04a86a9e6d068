"""Requests of people about an instance, as pure changes of its record."""
