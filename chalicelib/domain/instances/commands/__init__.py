"""What a person can request of an instance: pure changes of its record."""
