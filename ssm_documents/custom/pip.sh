#!/usr/bin/env bash
# Python packages of a custom recipe, into an existing environment or into an environment of the recipe.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

mapfile -t PACKAGES <<'PACKAGES'
@@pip.txt@@
PACKAGES
read -r ENVIRONMENT <<'ENVIRONMENT'
@@environment.txt@@
ENVIRONMENT

# If the environment exists (conda's, too), only install into it. Otherwise create it.
if [ -x "$ENVIRONMENT/bin/pip" ]; then
  say "Installing into $ENVIRONMENT: ${PACKAGES[*]}."
  retry 4 as_owner "$ENVIRONMENT/bin" "$ENVIRONMENT/bin/pip" --quiet --disable-pip-version-check --no-input install --no-cache-dir "${PACKAGES[@]}" ||
    fail "pip could not install ${PACKAGES[*]}. Check that the instance can reach the package index (routes of the subnet, proxy)."
else
  make_venv "$ENVIRONMENT" "${PACKAGES[@]}"
fi

describe_kernel() {
  as_owner "$ENVIRONMENT/bin" "$ENVIRONMENT/bin/python" - "$1" 2>/dev/null <<'KERNEL'
@@kernel.py@@
KERNEL
}

# With ipykernel, the environment becomes a kernel of every Jupyter on the instance. The environment itself describes its
# kernel; root only writes the file.
kernel=${GPUDESK_DOCUMENT#gpudesk-custom-}
if described=$(describe_kernel "$kernel"); then
  write_file "/usr/local/share/jupyter/kernels/$kernel/kernel.json" 0644 root <<<"$described"
  say "Notebooks can use the kernel $kernel."
fi
say "Installed ${#PACKAGES[@]} packages in $ENVIRONMENT."
