#!/usr/bin/env bash
# Run check.py, the check of the chapter for PyTorch: multiply matrices on each GPU, or on the CPU without a GPU.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

say "Importing PyTorch and d2l, and computing on every device."
as_ubuntu /opt/gpudesk/d2l/bin/python -I - "$((10#$SSM_gpuCount))" <<'CHECK' || fail "The check of PyTorch failed. The output of the step says why. If a GPU is missing, stop and start the instance to get other hardware."
@@check.py@@
CHECK
