#!/usr/bin/env bash
# Install the packages that the chapter installs first. They need Ubuntu 18.04: later releases have no libgfortran3.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

say "This is $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)."
if ! grep -q '^VERSION_ID="18.04"' /etc/os-release; then
  fail "CUDA 10.1 and MXNet 1.7 need Ubuntu 18.04 (glibc 2.27, libgfortran3). Launch an instance without image: then the recipe selects Ubuntu 18.04."
fi
apt_install build-essential git libgfortran3 ca-certificates curl gnupg unzip
