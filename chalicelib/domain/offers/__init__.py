"""Offers: where an instance type can be launched, at what price, in which order."""
