#!/usr/bin/env bash
# CUDA 10.1 itself: cuda-toolkit-10-1, which is the chapter's cuda without its old driver.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

if ((10#$SSM_gpuCount == 0)); then
  say "There is no GPU here: CUDA is not installed."
  exit 0
fi
apt_install cuda-toolkit-10-1
# The chapter writes this into .bashrc, where a service does not see it; ldconfig and profile.d serve every program.
printf '/usr/local/cuda/lib64\n' | write_file /etc/ld.so.conf.d/gpudesk-cuda.conf 0644 root
write_file /etc/profile.d/gpudesk-cuda.sh 0644 root <<'PROFILE'
export PATH=/usr/local/cuda/bin${PATH:+:$PATH}
export LD_LIBRARY_PATH=/usr/local/cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PROFILE
ldconfig
say "Installed CUDA 10.1 in $(readlink -f /usr/local/cuda)."
