#!/usr/bin/env bash
# Miniconda, in batch mode, from conda-forge only. The chapter takes the latest, which refuses 18.04 (it wants glibc 2.28, and
# 18.04 has 2.27): this is a release that wants 2.17. Its checksum is the one that pyenv has for the same file.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/conda.sh
source include:conda.sh

RELEASE=Miniconda3-py311_23.11.0-2-Linux-x86_64.sh
SHA256=c9ae82568e9665b1105117b4b1e499607d2a920f0aea6f94410e417a0eff1b9c

if [ "$(uname -m)" != x86_64 ]; then
  fail "MXNet for CUDA 10.1 is built for x86_64 alone, and this machine is $(uname -m)."
fi
apt_install ca-certificates curl unzip
fetch "https://repo.anaconda.com/miniconda/$RELEASE" "/var/tmp/$RELEASE" "$SHA256"
chmod 0644 "/var/tmp/$RELEASE"
# -u: an installation that was cut is completed.
as_ubuntu bash "/var/tmp/$RELEASE" -b -u -p "$MINICONDA" ||
  fail "Miniconda could not be installed: above is what its installer said."
rm -f "/var/tmp/$RELEASE"
as_ubuntu "$MINICONDA/bin/conda" init --quiet bash
# For what the user makes later: the same channel, so that conda does not ask for terms in the middle of their work.
printf 'channels: [conda-forge]\nauto_activate_base: false\n' | write_within "$MINICONDA" .condarc
say "Installed $(as_ubuntu "$MINICONDA/bin/conda" --version) in $MINICONDA."
