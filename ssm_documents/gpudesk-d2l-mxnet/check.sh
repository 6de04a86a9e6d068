#!/usr/bin/env bash
# Run check.py, the check of the chapter for MXNet.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

say "Importing MXNet and d2l, and computing on every device."
as_ubuntu env LD_LIBRARY_PATH=/usr/local/cuda/lib64 /home/ubuntu/miniconda3/envs/d2l/bin/python -I - "$((10#$SSM_gpuCount))" <<'CHECK' || fail "The check of MXNet failed. The output of the step says why. If a GPU is missing, stop and start the instance to get other hardware."
@@check.py@@
CHECK
