#!/usr/bin/env bash
# Start JupyterLab of this environment as a service. It starts again after a reboot, and after a stop and start.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/jupyter.sh
source include:jupyter.sh

# These marks change when other packages are installed.
serve_jupyter /opt/gpudesk/d2l \
  /var/lib/gpudesk/steps/gpudesk-d2l-pytorch.pytorch /var/lib/gpudesk/steps/gpudesk-d2l-pytorch.d2l_package
