#!/usr/bin/env bash
# Install the Ubuntu packages of a custom recipe.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

mapfile -t PACKAGES <<'PACKAGES'
@@apt.txt@@
PACKAGES
require_free_space 1
apt_install "${PACKAGES[@]}"
say "Installed ${PACKAGES[*]}."
