#!/usr/bin/env bash
# Install CUDA 10.1: cuda-toolkit-10-1, which is the chapter's package cuda without the old driver.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

if ((10#$SSM_gpuCount == 0)); then
  say "This instance has no GPU, so CUDA is not installed."
  exit 0
fi
require_free_space 6
apt_install cuda-toolkit-10-1
# The chapter sets these paths in .bashrc, which services do not read. ld.so.conf.d works for every program, and profile.d
# for every login.
printf '/usr/local/cuda/lib64\n' | write_file /etc/ld.so.conf.d/gpudesk-cuda.conf 0644 root
write_file /etc/profile.d/gpudesk-cuda.sh 0644 root <<'PROFILE'
export PATH=/usr/local/cuda/bin${PATH:+:$PATH}
export LD_LIBRARY_PATH=/usr/local/cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PROFILE
ldconfig
say "Installed CUDA 10.1 in $(readlink -f /usr/local/cuda)."
