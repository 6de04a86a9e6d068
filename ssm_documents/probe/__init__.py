"""The probe: a small resident program that tells the desk, once a minute, whether this instance is in use.

Runs on the instance under the Python 3.10 of Ubuntu 22.04, with boto3 and nothing else.
"""

VERSION = "2"
"""Of the program; the heartbeat's format has a number of its own (`chalicelib/domain/activity/heartbeat.py`)."""
