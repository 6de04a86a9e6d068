#!/usr/bin/env bash
# The chapter's nvidia-smi.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

if ((10#$SSM_gpuCount == 0)); then
  say "There is no GPU here to look at."
  exit 0
fi
seen=$(timeout 60 nvidia-smi --query-gpu=index,name,driver_version --format=csv,noheader) ||
  fail "nvidia-smi failed: ${seen:-it said nothing}. Stop and start the instance to get other hardware; see dmesg on the machine."
say "GPUs, and their driver:"
say "$seen"
