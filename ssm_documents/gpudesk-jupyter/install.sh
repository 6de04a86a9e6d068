#!/usr/bin/env bash
# Jupyter and a Python kernel in an environment of their own.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

install -d -m 0755 /opt/gpudesk
make_venv /opt/gpudesk/jupyter jupyter-server ipykernel
say "Installed Jupyter server $(/opt/gpudesk/jupyter/bin/python -m jupyter_server --version)."
