#!/usr/bin/env bash
# The chapter's own check.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

say "Importing MXNet and d2l, and making a matrix on every device."
as_ubuntu env LD_LIBRARY_PATH=/usr/local/cuda/lib64 /home/ubuntu/miniconda3/envs/d2l/bin/python - "$((10#$SSM_gpuCount))" <<'CHECK' || fail "MXNet does not work as it should: above is what it said. If it misses a GPU, stop and start the instance to get other hardware; else run the setup again."
@@check.py@@
CHECK
