#!/usr/bin/env bash
# The driver, from Ubuntu. The chapter installs the metapackage cuda, which brings driver 418.87: that does not build on the
# later kernels of 18.04 (5.4). Branch 470 does, it is the last that knows every GPU of CUDA 10.1 (Kepler to Turing), and
# a later driver serves an earlier CUDA.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}"

if ((10#$SSM_gpuCount == 0)); then
  say "There is no GPU here: no driver is installed."
elif nvidia-smi >/dev/null 2>&1; then
  say "A driver works: $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)."
elif after_reboot; then
  fail "The driver was installed and the machine rebooted, and nvidia-smi still fails: $(nvidia-smi 2>&1 | head -n 3 || true). See dkms status and dmesg on the machine: the module may not have been built for the kernel $(uname -r)."
else
  apt_install "linux-headers-$(uname -r)" nvidia-headless-470-server nvidia-utils-470-server
  need_reboot "the driver's module is loaded at boot, in place of nouveau."
fi
