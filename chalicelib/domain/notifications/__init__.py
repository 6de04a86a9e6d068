"""Notifications to owners and admins, with the log of their delivery."""
