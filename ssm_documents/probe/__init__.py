"""The probe: a small resident program that tells the desk, once a minute, whether this instance is in use.

Runs on the instance under the Python 3.10 of Ubuntu 22.04, with boto3 and nothing else.
"""

VERSION = "1"
"""Goes with each heartbeat, so that the desk can tell an old probe from a new one."""
