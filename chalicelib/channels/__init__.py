"""Channels that gpudesk itself delivers notifications on. E-mail goes through SNS (`aws/email.py`)."""
