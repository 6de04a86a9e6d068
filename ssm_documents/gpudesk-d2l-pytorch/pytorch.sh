#!/usr/bin/env bash
# Install the build of PyTorch for the instance: with CUDA (a download of about 3 GB), or for CPUs (0.2 GB).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

: "${SSM_gpuCount:?}" "${SSM_torchBuild:=auto}"

# Each version of torchvision is built for one version of PyTorch, so change both together. The builds on PyPI include CUDA
# 13.0, which needs NVIDIA's driver 580 or later and a GPU of compute capability 7.5 or later (CUDA 13 dropped the earlier
# ones). The builds for arm64 need 8.0 or later (docs/d2l.md).
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
# The step runs again when the number of GPUs changes, for example after a launch from an image. It must not download 3 GB
# again then.
mark=/opt/gpudesk/d2l/.gpudesk-pytorch
build_mark="$build ${PACKAGES[*]}"
if [ "$(cat "$mark" 2>/dev/null)" = "$build_mark" ]; then
  say "${PACKAGES[*]}, build $build, is already installed."
  exit 0
fi
# The download, and what it becomes: uv keeps both until the end.
if [ "$build" = cpu ]; then
  require_free_space 3
else
  require_free_space 14
fi
as_ubuntu rm -f "$mark"
say "Installing ${PACKAGES[*]}, build $build."
if [ "$build" = cpu ]; then
  uv_install /opt/gpudesk/d2l --index "$CPU_INDEX" "${PACKAGES[@]}"
else
  uv_install /opt/gpudesk/d2l "${PACKAGES[@]}"
fi
say "Installed PyTorch $(print_version /opt/gpudesk/d2l torch)."
printf '%s\n' "$build_mark" | write_file_as_owner /opt/gpudesk/d2l .gpudesk-pytorch
