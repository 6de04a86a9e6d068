"""PyTorch, d2l, and as many GPUs as the first argument says: each multiplies two matrices; else the CPU does."""

import sys

import torch
from d2l import torch as d2l

expected = int(sys.argv[1])
build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for CPUs"
print(f"d2l {sys.modules['d2l'].__version__} and PyTorch {torch.__version__}, the build {build}.")
if expected:
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        sys.exit(f"PyTorch finds no GPU: {error}")
found = torch.cuda.device_count() if expected else 0
if found < expected:
    sys.exit(f"{expected} GPUs are expected, PyTorch finds {found}.")
devices = [d2l.gpu(index) for index in range(expected)] or [d2l.cpu()]
for device in devices:
    ones = torch.ones((1024, 1024), device=device)
    corner = float((ones @ ones)[0, 0])
    if corner != 1024:
        sys.exit(f"{device} computes wrongly: 1024 ones add up to {corner}.")
names = {torch.cuda.get_device_name(device) for device in devices} if expected else {"the CPU, as there is no GPU here"}
print(f"Every device computes: {len(devices)} x {', '.join(sorted(names))}.")
