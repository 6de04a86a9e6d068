#!/usr/bin/env bash
# Print the system and the hardware, and check that nvidia-smi lists all expected GPUs, of the model that is paid for.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/gpus.sh
source include:gpus.sh

: "${SSM_gpuCount:?}" "${SSM_gpuName=}"

# shellcheck source=/dev/null
say "This is $(. /etc/os-release && printf '%s' "$PRETTY_NAME") on $(uname -m), kernel $(uname -r), $(nproc) CPUs."
say "Free on the root disk: $(df --output=avail -BG / | tail -n 1 | tr -d ' ')."
if ((10#$SSM_gpuCount > 0)); then
  inspect_gpus "$((10#$SSM_gpuCount))" "${SSM_gpuName//-/ }"
else
  say "No NVIDIA GPU is expected."
fi
