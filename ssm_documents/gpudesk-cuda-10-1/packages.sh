#!/usr/bin/env bash
# The chapter's first line. Its packages are those of Ubuntu 18.04: libgfortran3 has no later release.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

say "This is $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)."
if ! grep -q '^VERSION_ID="18.04"' /etc/os-release; then
  fail "CUDA 10.1 and MXNet 1.7 are for Ubuntu 18.04 (glibc 2.27, libgfortran3). Launch with its image: the recipe names it, unless the request named another."
fi
apt_install build-essential git libgfortran3 ca-certificates curl gnupg unzip
