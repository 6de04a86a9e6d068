#!/usr/bin/env bash
# Install the driver of branch 470 from Ubuntu. The chapter installs the package cuda with driver 418.87, which cannot be
# built for the later kernels of Ubuntu 18.04 (5.4). Branch 470 can. It is the last branch that supports all GPUs of CUDA
# 10.1 (Kepler to Turing). A later driver also supports an earlier CUDA.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

if ((10#$SSM_gpuCount == 0)); then
  say "This instance has no GPU, so no driver is installed."
elif nvidia-smi >/dev/null 2>&1; then
  say "A driver is installed: $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)."
elif has_rebooted; then
  fail "nvidia-smi still fails after the driver was installed and the instance was rebooted: $(nvidia-smi 2>&1 | head -n 3 || true). Run dkms status and dmesg on the instance to see whether the module was built for kernel $(uname -r)."
else
  apt_install "linux-headers-$(uname -r)" nvidia-headless-470-server nvidia-utils-470-server
  hold_driver_packages
  request_reboot "The kernel loads the module of the driver at boot, instead of nouveau."
fi
