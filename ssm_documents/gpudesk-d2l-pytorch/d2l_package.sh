#!/usr/bin/env bash
# Install d2l, the packages that it imports, and JupyterLab in the same environment.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

# d2l 1.0.3 requires versions of 2023 (numpy 1.23.5, pandas 2.0.3, scipy 1.10.1, ...), which have no wheels for Python
# 3.12 or later. So d2l is installed without its dependencies, and then current versions of the packages that d2l.torch
# and the notebooks import. gym is left out: only the chapter on reinforcement learning needs it, and gym does not work with
# numpy 2. pandas 3 is too late for the book: it no longer stores text as "object", so the chapter on house prices would take
# text for numbers. syne-tune is the release of the book: later ones have other arguments.
D2L=d2l==1.0.3
IMPORTS=(
  numpy==2.4.6 pandas==2.3.3 scipy==1.17.1 matplotlib==3.11.2 matplotlib-inline==0.2.2 pillow==13.0.0 requests==2.34.2
  scikit-learn==1.9.1 mpmath==1.3.0 syne-tune==0.3.2 autograd==1.9.1
)
# Without their dependencies: they require PyTorch, and a reinstallation could replace its build.
GAUSSIAN_PROCESSES=(gpytorch==1.15.2 linear_operator==0.6.1)
JUPYTER=(jupyterlab==4.6.6 jupyterlab-notifications-extension==1.2.29 jupyter-server==2.21.1 ipykernel==7.3.0)

require_free_space 3
say "Installing $D2L, the packages that it imports, and JupyterLab."
uv_install /opt/gpudesk/d2l "${IMPORTS[@]}" "${JUPYTER[@]}" pip
uv_install /opt/gpudesk/d2l --no-deps "$D2L" "${GAUSSIAN_PROCESSES[@]}"
say "Installed $D2L and JupyterLab $(print_version /opt/gpudesk/d2l jupyterlab)."
