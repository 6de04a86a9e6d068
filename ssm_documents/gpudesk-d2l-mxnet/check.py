"""MXNet, d2l, and as many GPUs as the first argument says: the chapter's matrix on each; else on the CPU."""

import sys

import d2l.mxnet
import mxnet
from mxnet import np, npx

expected = int(sys.argv[1])
print(f"d2l {d2l.__version__} and MXNet {mxnet.__version__}.")
found = npx.num_gpus()
if found < expected:
    sys.exit(f"{expected} GPUs are expected, MXNet finds {found}.")
devices = [npx.gpu(index) for index in range(expected)] or [npx.cpu()]
for device in devices:
    total = float(np.zeros((1024, 1024), ctx=device).sum())
    if total != 0:
        sys.exit(f"{device} computes wrongly: zeros add up to {total}.")
print(f"np.zeros((1024, 1024)) is there on {', '.join(str(device) for device in devices)}.")
