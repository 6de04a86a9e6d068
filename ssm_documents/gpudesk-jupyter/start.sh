#!/usr/bin/env bash
# Jupyter as a service of the user ubuntu.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/jupyter.sh
source include:jupyter.sh

# The mark of what was installed is another once that is.
serve_jupyter /opt/gpudesk/jupyter /var/lib/gpudesk/steps/gpudesk-jupyter.install
