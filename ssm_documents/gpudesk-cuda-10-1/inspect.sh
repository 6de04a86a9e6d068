#!/usr/bin/env bash
# Run nvidia-smi, as the chapter does.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

if ((10#$SSM_gpuCount == 0)); then
  say "This instance has no GPU to inspect."
  exit 0
fi
gpus=$(timeout 60 nvidia-smi --query-gpu=index,name,driver_version --format=csv,noheader) ||
  fail "nvidia-smi failed: ${gpus:-no output}. Run dmesg on the instance to find the cause, or stop and start the instance to get other hardware."
if (("$(grep -cE '^[0-9]+, .*, [0-9.]+$' <<<"$gpus")" < 10#$SSM_gpuCount)); then
  fail "nvidia-smi does not list all $SSM_gpuCount GPUs with their driver: ${gpus//$'\n'/; }. Stop and start the instance to get other hardware."
fi
say "GPUs and their driver:"
say "$gpus"
