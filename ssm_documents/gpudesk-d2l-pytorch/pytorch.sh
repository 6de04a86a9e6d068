#!/usr/bin/env bash
# Install PyTorch in the build that fits the instance: a download of about 3 GB for a GPU, 0.2 GB without one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

: "${SSM_gpuCount:?}" "${SSM_torchBuild:=auto}"

# Each torchvision is built for one PyTorch, so change both together. The builds on PyPI include CUDA 13.0, which needs
# NVIDIA's driver 580 or later and a GPU of compute capability 7.5 or later (CUDA 13 dropped the earlier ones). On arm64
# they are built for 8.0 or later only (docs/d2l.md).
PACKAGES=(torch==2.13.0 torchvision==0.28.0)
CPU_INDEX=https://download.pytorch.org/whl/cpu

build=$SSM_torchBuild
if [ "$build" = auto ]; then
  build=cuda
  if ((10#$SSM_gpuCount == 0)); then
    build=cpu
    say "This instance has no GPU, so the build for CPUs is installed."
  fi
fi
# Another number of GPUs, as after a launch from an image, must not cause another download of 3 GB.
mark=/opt/gpudesk/d2l/.gpudesk-pytorch
build_mark="$build ${PACKAGES[*]}"
if [ "$(cat "$mark" 2>/dev/null)" = "$build_mark" ]; then
  say "${PACKAGES[*]}, build $build, is already installed."
  exit 0
fi
as_ubuntu rm -f "$mark"
say "Installing ${PACKAGES[*]}, build $build."
if [ "$build" = cpu ]; then
  uv_install /opt/gpudesk/d2l --index "$CPU_INDEX" "${PACKAGES[@]}"
else
  uv_install /opt/gpudesk/d2l "${PACKAGES[@]}"
fi
say "Installed PyTorch $(version_in /opt/gpudesk/d2l torch)."
printf '%s\n' "$build_mark" | write_within /opt/gpudesk/d2l .gpudesk-pytorch
