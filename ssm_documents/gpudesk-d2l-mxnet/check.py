"""Check MXNet and d2l: compute a matrix on each of N GPUs (first argument), or on the CPU if N is 0."""

import sys

import d2l.mxnet
import mxnet
from mxnet import np, npx

expected = int(sys.argv[1])
print(f"Versions: d2l {d2l.__version__}, MXNet {mxnet.__version__}.")
count = npx.num_gpus()
if count < expected:
    sys.exit(f"MXNet finds {count} of {expected} GPUs.")
devices = [npx.gpu(index) for index in range(expected)] or [npx.cpu()]
for device in devices:
    total = float(np.zeros((1024, 1024), ctx=device).sum())
    if total != 0:
        sys.exit(f"{device} gives a wrong result: the sum of zeros is {total}.")
print(f"np.zeros((1024, 1024)) works on {', '.join(str(device) for device in devices)}.")
