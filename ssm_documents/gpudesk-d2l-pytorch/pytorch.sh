#!/usr/bin/env bash
# PyTorch, in the build that fits the machine. Some 3 GB are downloaded for a GPU, 0.2 GB without one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

: "${SSM_gpuCount:?}" "${SSM_torchBuild:=auto}"

# torchvision is built for one PyTorch: change both together. PyPI's builds of these bring CUDA 13.0 with them, which
# wants NVIDIA's driver 580 or later, and a GPU of compute capability 7.5 or later (CUDA 13 dropped those before); on arm64
# 8.0 or later, for which alone they are built there (docs/d2l.md).
PACKAGES=(torch==2.13.0 torchvision==0.28.0)
CPU_INDEX=https://download.pytorch.org/whl/cpu

build=$SSM_torchBuild
if [ "$build" = auto ]; then
  build=cuda
  if ((10#$SSM_gpuCount == 0)); then
    build=cpu
    say "There is no GPU here: taking the build for CPUs."
  fi
fi
# The number of GPUs is no reason to fetch 3 GB again, for a machine made from the image of one with fewer.
mark=/opt/gpudesk/d2l/.gpudesk-pytorch
wanted="$build ${PACKAGES[*]}"
if [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ]; then
  say "${PACKAGES[*]}, the build for $build, is installed already."
  exit 0
fi
as_ubuntu rm -f "$mark"
say "Installing ${PACKAGES[*]}, the build for $build."
if [ "$build" = cpu ]; then
  uv_install /opt/gpudesk/d2l --index "$CPU_INDEX" "${PACKAGES[@]}"
else
  uv_install /opt/gpudesk/d2l "${PACKAGES[@]}"
fi
say "Installed PyTorch $(version_in /opt/gpudesk/d2l torch)."
printf '%s\n' "$wanted" | write_within /opt/gpudesk/d2l .gpudesk-pytorch
