"""Check PyTorch, d2l and what the chapters import. Multiply two matrices on each of N GPUs, or on the CPU if N is 0.

N is the first argument.
"""

import importlib
import sys

import pandas as pd  # type: ignore[import-untyped]
import torch
from d2l import torch as d2l

# Modules that several chapters import, and those of one chapter only.
MODULES = (
    "IPython.display",
    "PIL.Image",
    "matplotlib.pyplot",
    "mpl_toolkits.mplot3d",
    "numpy",
    "requests",
    "scipy.stats",
    "torchvision.transforms",
)
MODULES_BY_CHAPTER = {
    "Gaussian processes": ("gpytorch", "scipy.optimize", "scipy.spatial"),
    "hyperparameter optimization": (
        "syne_tune.backend.python_backend",
        "syne_tune.config_space",
        "syne_tune.experiments",
        "syne_tune.optimizer.baselines",
    ),
}


def find_import_problem(module: str) -> str:
    """Return why a module cannot be imported, or an empty text."""
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a package may fail in any way
        return repr(error)
    return ""


def prepare_houses() -> list[str]:
    """Return the columns of a table that the cells of the chapter on house prices prepare."""
    features = pd.DataFrame({"Rooms": [3.0, None, 5.0], "Alley": ["Pave", None, "Grvl"]})
    numeric_features = features.dtypes[features.dtypes != "object"].index
    features[numeric_features] = features[numeric_features].apply(lambda x: (x - x.mean()) / (x.std()))
    features[numeric_features] = features[numeric_features].fillna(0)
    return list(pd.get_dummies(features, dummy_na=True).columns)


expected = int(sys.argv[1])
build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for CPUs"
print(f"Versions: d2l {sys.modules['d2l'].__version__}, PyTorch {torch.__version__} (build {build}).")
for module in MODULES:
    if problem := find_import_problem(module):
        sys.exit(f"The notebooks import {module}, which fails: {problem}")
for chapter, modules in MODULES_BY_CHAPTER.items():
    for module in modules:
        if problem := find_import_problem(module):
            print(f"WARNING: The chapter on {chapter} does not work: it imports {module}, which fails: {problem}")
try:
    columns = prepare_houses()
except Exception as error:  # noqa: BLE001 - the reason is only shown
    sys.exit(f"The cells of the book fail with pandas {pd.__version__}: {error!r}")
if columns != ["Rooms", "Alley_Grvl", "Alley_Pave", "Alley_nan"]:
    sys.exit(f"The cells of the book give wrong columns with pandas {pd.__version__}: {columns}")
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
