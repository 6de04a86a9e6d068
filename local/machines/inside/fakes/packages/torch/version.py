"""Version of the fake PyTorch and of its CUDA."""

from pathlib import Path

DEVICE_FILE = Path("/.machine/device/gpu.json")

__version__ = "2.13.0+fake"
cuda = "13.0" if DEVICE_FILE.exists() else None
