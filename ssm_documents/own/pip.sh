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

install -d -m 0755 "$(dirname "$ENVIRONMENT")"
# Somebody else's environment (conda's, too) is only installed into; one of its own is made, or completed.
if [ -x "$ENVIRONMENT/bin/pip" ]; then
  say "Installing into $ENVIRONMENT: ${PACKAGES[*]}."
  retry 4 "$ENVIRONMENT/bin/pip" --quiet --disable-pip-version-check --no-input install --no-cache-dir "${PACKAGES[@]}" ||
    fail "pip could not install ${PACKAGES[*]}. Can the machine reach the package index (subnet's route, proxy)?"
else
  make_venv "$ENVIRONMENT" "${PACKAGES[@]}"
fi

# With ipykernel in it, it is a kernel of every Jupyter of the machine.
if "$ENVIRONMENT/bin/python" -c 'import ipykernel' 2>/dev/null; then
  kernel=${GPUDESK_DOCUMENT#gpudesk-own-}
  "$ENVIRONMENT/bin/python" -m ipykernel install --prefix /usr/local --name "$kernel" --display-name "$kernel" >/dev/null
  say "Notebooks can choose the kernel $kernel."
fi
say "Installed ${#PACKAGES[@]} packages in $ENVIRONMENT."
