"""The probe: a small resident program that tells the desk, once a minute, whether this instance is in use.

Runs on the instance under a Python of its own, with boto3, psutil and NVML's bindings (nvidia-ml-py), as root.
"""

VERSION = "2"
"""Of the program; the heartbeat's format has a number of its own (`chalicelib/domain/idle/heartbeat.py`)."""
