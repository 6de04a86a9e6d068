"""Extension of SNS: e-mail subscriptions and a mailbox."""
