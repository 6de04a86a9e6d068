#!/usr/bin/env bash
# Print the system and the hardware, and check that nvidia-smi lists all expected GPUs.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

inspect_gpus() {
  command -v nvidia-smi >/dev/null ||
    fail "nvidia-smi is not installed, so the image has no NVIDIA driver (number of expected GPUs: $SSM_gpuCount). Launch without image_parameter: then gpudesk selects an image for the instance type."
  local listed count
  listed=$(timeout 60 nvidia-smi --query-gpu=index,name,memory.total --format=csv,noheader) ||
    fail "nvidia-smi failed: ${listed:-no output}. The driver may not support this GPU or this kernel. Launch without image_parameter: then gpudesk selects an image for the instance type."
  count=$(grep -c . <<<"$listed" || true)
  if ((count < SSM_gpuCount)); then
    fail "nvidia-smi lists $count of $SSM_gpuCount expected GPUs. The hardware may be faulty. Stop and start the instance to get other hardware."
  fi
  say "GPUs found: $count of $SSM_gpuCount."
  say "$listed"
}

# shellcheck source=/dev/null
say "This is $(. /etc/os-release && printf '%s' "$PRETTY_NAME") on $(uname -m), kernel $(uname -r), $(nproc) CPUs."
say "Free on the root disk: $(df --output=avail -BG / | tail -n 1 | tr -d ' ')."
if ((SSM_gpuCount > 0)); then
  inspect_gpus
else
  say "No NVIDIA GPU is expected."
fi
