"""Check PyTorch and d2l: multiply two matrices on each of N GPUs (first argument), or on the CPU if N is 0."""

import sys

import torch
from d2l import torch as d2l

expected = int(sys.argv[1])
build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for CPUs"
print(f"Versions: d2l {sys.modules['d2l'].__version__}, PyTorch {torch.__version__} (build {build}).")
if expected:
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        sys.exit(f"PyTorch finds no GPU: {error}")
count = torch.cuda.device_count() if expected else 0
if count < expected:
    sys.exit(f"PyTorch finds {count} of {expected} GPUs.")
devices = [d2l.gpu(index) for index in range(expected)] or [d2l.cpu()]
for device in devices:
    ones = torch.ones((1024, 1024), device=device)
    corner = float((ones @ ones)[0, 0])
    if corner != 1024:
        sys.exit(f"{device} gives a wrong result: the sum of 1024 ones is {corner}.")
names = (
    {torch.cuda.get_device_name(device) for device in devices}
    if expected
    else {"the CPU, because this instance has no GPU"}
)
print(f"Every device works: {len(devices)} x {', '.join(sorted(names))}.")
