"""E-mail subscriptions and a mailbox."""
