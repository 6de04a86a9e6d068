"""Messages to owners and admins, and the log of their delivery."""
