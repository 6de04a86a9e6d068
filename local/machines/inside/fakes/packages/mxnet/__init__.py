"""Fake MXNet with constant arrays. Like the real one, the build for CUDA needs a driver and CUDA at its import."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DEVICE_FILE = Path("/.machine/device/gpu.json")
LIBRARIES = "/usr/local/cuda/lib64"

try:
    __version__ = version("mxnet-cu101")
except PackageNotFoundError:
    __version__ = version("mxnet")
else:
    if not DEVICE_FILE.exists():
        raise OSError("libcuda.so.1: cannot open shared object file: No such file or directory")
    if LIBRARIES not in os.environ.get("LD_LIBRARY_PATH", "") or not Path(LIBRARIES).exists():
        raise OSError("libcudart.so.10.1: cannot open shared object file: No such file or directory")
