#!/usr/bin/env bash
# Start JupyterLab as a service of the user ubuntu.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/jupyter.sh
source include:jupyter.sh

# These marks change when other packages are installed.
serve_jupyter /opt/gpudesk/jupyter \
  /var/lib/gpudesk/steps/gpudesk-d2l-mxnet.jupyter /var/lib/gpudesk/steps/gpudesk-d2l-mxnet.mxnet
