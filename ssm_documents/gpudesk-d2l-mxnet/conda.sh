#!/usr/bin/env bash
# Install Miniconda in batch mode, with conda-forge as its only channel. The chapter installs the latest release, which
# needs glibc 2.28, but Ubuntu 18.04 has 2.27. The release below needs 2.17. Its checksum is also published by pyenv.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/conda.sh
source include:conda.sh

RELEASE=Miniconda3-py311_23.11.0-2-Linux-x86_64.sh
SHA256=c9ae82568e9665b1105117b4b1e499607d2a920f0aea6f94410e417a0eff1b9c

if [ "$(uname -m)" != x86_64 ]; then
  fail "MXNet for CUDA 10.1 exists for x86_64 only, and this instance has $(uname -m). Launch an instance type with x86_64."
fi
apt_install ca-certificates curl unzip
fetch "https://repo.anaconda.com/miniconda/$RELEASE" "/var/tmp/$RELEASE" "$SHA256"
chmod 0644 "/var/tmp/$RELEASE"
# -u completes an interrupted installation.
as_ubuntu env PYTHONNOUSERSITE=1 bash "/var/tmp/$RELEASE" -b -u -p "$MINICONDA" ||
  fail "Miniconda could not be installed. The output of the step says why."
rm -f "/var/tmp/$RELEASE"
conda_as_ubuntu init --quiet bash
# Environments that the user creates later use the same channel. For the default channels, conda would ask the user to
# accept their terms.
printf 'channels: [conda-forge]\nauto_activate_base: false\n' | write_file_as_owner "$MINICONDA" .condarc
say "Installed $(conda_as_ubuntu --version) in $MINICONDA."
