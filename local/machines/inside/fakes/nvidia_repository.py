"""Files of the fake local repository of CUDA 10.1, which the fakes of apt and gpg compare with those on the machine."""

import hashlib

KEY = b"A fake of NVIDIA's key 7fa2af80.\n"
FINGERPRINT = "AE09FE4BBD223A84B2CCFCE3F60F4B3D7FA2AF80"
"""Fingerprint of the real key. The fake `gpg` prints it for a file that equals `KEY`."""

PACKAGES = b"Package: cuda-toolkit-10-1\nVersion: 10.1.243-1\n"
RELEASE = b"Label: NVIDIA CUDA\nSHA256:\n " + hashlib.sha256(PACKAGES).hexdigest().encode() + b" Packages\n"
