#!/usr/bin/env bash
# What machine is this, and are the GPUs there that are paid for?
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

inspect_gpus() {
  command -v nvidia-smi >/dev/null ||
    fail "$SSM_gpuCount GPUs are expected, but there is no nvidia-smi: this image has no NVIDIA driver. Launch with the image that the desk names for this instance type."
  local listed count
  listed=$(timeout 60 nvidia-smi --query-gpu=index,name,memory.total --format=csv,noheader) ||
    fail "nvidia-smi failed: the driver does not fit this GPU or this kernel. It said: ${listed:-nothing}"
  count=$(grep -c . <<<"$listed" || true)
  if ((count < SSM_gpuCount)); then
    fail "$SSM_gpuCount GPUs are expected, nvidia-smi lists $count. The hardware may be faulty: stop and start the instance to get other hardware."
  fi
  say "GPUs, all $count of them:"
  say "$listed"
}

# shellcheck source=/dev/null
say "This is $(. /etc/os-release && printf '%s' "$PRETTY_NAME") on $(uname -m), kernel $(uname -r), $(nproc) CPUs."
say "Free on the root disk: $(df --output=avail -BG / | tail -n 1 | tr -d ' ')."
if ((SSM_gpuCount > 0)); then
  inspect_gpus
else
  say "No NVIDIA GPU is expected here."
fi
