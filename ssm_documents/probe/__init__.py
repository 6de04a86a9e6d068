"""The probe: a small resident program that reports once a minute whether its instance is in use.

It runs as root on the instance, with its own Python, boto3, psutil and the bindings of NVML (nvidia-ml-py).
"""

VERSION = "2"
"""Version of the program. The heartbeat has its own version (`chalicelib/domain/idle/heartbeat.py`)."""
