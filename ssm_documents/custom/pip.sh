#!/usr/bin/env bash
# Python packages of a team's own recipe: into an environment that is there already, or into one of its own.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

mapfile -t PACKAGES <<'PACKAGES'
@@pip.txt@@
PACKAGES
read -r ENVIRONMENT <<'ENVIRONMENT'
@@environment.txt@@
ENVIRONMENT

# Somebody else's environment (conda's, too) is only installed into; one of its own is made, or completed.
if [ -x "$ENVIRONMENT/bin/pip" ]; then
  say "Installing into $ENVIRONMENT: ${PACKAGES[*]}."
  retry 4 as_owner "$ENVIRONMENT/bin" "$ENVIRONMENT/bin/pip" --quiet --disable-pip-version-check --no-input install --no-cache-dir "${PACKAGES[@]}" ||
    fail "pip could not install ${PACKAGES[*]}. Can the machine reach the package index (subnet's route, proxy)?"
else
  make_venv "$ENVIRONMENT" "${PACKAGES[@]}"
fi

describe_kernel() {
  as_owner "$ENVIRONMENT/bin" "$ENVIRONMENT/bin/python" - "$1" 2>/dev/null <<'KERNEL'
@@kernel.py@@
KERNEL
}

# With ipykernel in it, it is a kernel of every Jupyter of the machine. It says itself how it is started; only the file is
# written as root.
kernel=${GPUDESK_DOCUMENT#gpudesk-custom-}
if described=$(describe_kernel "$kernel"); then
  write_file "/usr/local/share/jupyter/kernels/$kernel/kernel.json" 0644 root <<<"$described"
  say "Notebooks can choose the kernel $kernel."
fi
say "Installed ${#PACKAGES[@]} packages in $ENVIRONMENT."
