#!/usr/bin/env bash
# The chapter's own check, for PyTorch: a matrix on each GPU that is paid for; on the CPU where there is none.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

say "Importing PyTorch and d2l, and computing on every device."
as_ubuntu /opt/gpudesk/d2l/bin/python - "$((10#$SSM_gpuCount))" <<'CHECK' || fail "PyTorch does not work as it should: above is what it said. If it misses a GPU, stop and start the instance to get other hardware; else run the setup again."
@@check.py@@
CHECK
