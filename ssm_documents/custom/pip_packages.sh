#!/usr/bin/env bash
# Install the Python packages of a custom recipe, into an existing environment or into a new one of the recipe.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

mapfile -t PACKAGES <<'PACKAGES'
@@pip.txt@@
PACKAGES
read -r ENVIRONMENT <<'ENVIRONMENT'
@@environment.txt@@
ENVIRONMENT

require_free_space 1
# An existing environment, such as one of conda, is used as it is. Otherwise it is created.
if [ -x "$ENVIRONMENT/bin/pip" ]; then
  say "Installing into $ENVIRONMENT: ${PACKAGES[*]}."
  retry 4 as_owner "$ENVIRONMENT/bin" "$ENVIRONMENT/bin/python" -I -m pip --quiet --disable-pip-version-check --no-input install --no-cache-dir "${PACKAGES[@]}" ||
    fail "pip could not install ${PACKAGES[*]}. Check that the instance can reach the package index (routes of the subnet, parameters proxy and pip_index)."
else
  make_venv "$ENVIRONMENT" "${PACKAGES[@]}"
fi

describe_kernel() {
  as_owner "$ENVIRONMENT/bin" "$ENVIRONMENT/bin/python" -I - "$1" 2>/dev/null <<'KERNEL'
@@kernel.py@@
KERNEL
}

# If ipykernel is among the packages, every Jupyter on the instance offers the environment as a kernel. The Python of the
# environment prints the description of the kernel, and root writes it into a file.
kernel=${GPUDESK_DOCUMENT#gpudesk-custom-}
if described=$(describe_kernel "$kernel"); then
  write_file "/usr/local/share/jupyter/kernels/$kernel/kernel.json" 0644 root <<<"$described"
  say "Jupyter on this instance offers the kernel $kernel."
fi
say "Installed ${#PACKAGES[@]} packages in $ENVIRONMENT."
