#!/usr/bin/env bash
# JupyterLab of this environment as a service: it survives reboot, stop and start.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/jupyter.sh
source include:jupyter.sh

# The marks of what was installed are others once that is.
serve_jupyter /opt/gpudesk/d2l \
  /var/lib/gpudesk/steps/gpudesk-d2l-pytorch.pytorch /var/lib/gpudesk/steps/gpudesk-d2l-pytorch.d2l
