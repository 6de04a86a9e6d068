#!/usr/bin/env bash
# Install JupyterLab in an environment of uv, with the conda environment as its kernel. The conda environment itself cannot
# have it: JupyterLab 3.6, the last release for Python 3.7, shows no notifications, so users would not see stop warnings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh
# shellcheck source-path=SCRIPTDIR source=../lib/conda.sh
source include:conda.sh

PACKAGES=(jupyterlab==4.6.6 jupyterlab-notifications-extension==1.2.29 jupyter-server==2.21.1 ipykernel==7.3.0)

install_uv
retry 4 /opt/gpudesk/uv --quiet python install 3.12 ||
  fail "uv could not download Python. Check that the instance can reach github.com (routes of the subnet, parameter proxy)."
install -d -m 0755 -o ubuntu -g ubuntu /opt/gpudesk/jupyter
uv_as_ubuntu venv --allow-existing --python 3.12 /opt/gpudesk/jupyter
uv_install /opt/gpudesk/jupyter "${PACKAGES[@]}"
# The kernel of the book is installed under the name python3, which the notebooks of the book use. It replaces JupyterLab's
# own kernel of that name.
as_ubuntu "$MINICONDA/envs/d2l/bin/python" -I -m ipykernel install --prefix /opt/gpudesk/jupyter --name python3 \
  --display-name "d2l (MXNet, Python 3.7)" --env LD_LIBRARY_PATH /usr/local/cuda/lib64
say "Installed JupyterLab $(print_version /opt/gpudesk/jupyter jupyterlab). Its kernel is the environment d2l."
