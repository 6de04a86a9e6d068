#!/usr/bin/env bash
# Install d2l, the packages that it imports, and JupyterLab in the same environment.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

# d2l 1.0.3 requires versions of 2023 (numpy 1.23.5, pandas 2.0.3, scipy 1.10.1, ...), which have no wheels for Python
# 3.12 or later. So d2l is installed without its dependencies, and then current versions of the packages that d2l.torch
# imports. gym is left out: only the chapter on reinforcement learning needs it, and gym does not work with numpy 2.
D2L=d2l==1.0.3
IMPORTS=(numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 matplotlib==3.11.2 matplotlib-inline==0.2.2 pillow==13.0.0 requests==2.34.2)
JUPYTER=(jupyterlab==4.6.6 jupyterlab-notifications-extension==1.2.29 jupyter-server==2.21.1 ipykernel==7.3.0)

say "Installing $D2L, the packages that it imports, and JupyterLab."
uv_install /opt/gpudesk/d2l "${IMPORTS[@]}" "${JUPYTER[@]}" pip
uv_install /opt/gpudesk/d2l --no-deps "$D2L"
say "Installed $D2L and JupyterLab $(print_version /opt/gpudesk/d2l jupyterlab)."
