#!/usr/bin/env bash
# Install JupyterLab and a Python kernel in a separate environment. jupyterlab-notifications-extension shows the messages
# of the probe.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

# All of them support Python 3.10, which Ubuntu 22.04 has. Later releases of ipykernel do not.
PACKAGES=(jupyterlab==4.6.6 jupyterlab-notifications-extension==1.2.29 jupyter-server==2.21.1 ipykernel==7.3.0)

require_free_space 1
install -d -m 0755 /opt/gpudesk
make_venv /opt/gpudesk/jupyter "${PACKAGES[@]}"
print_version() {
  as_owner /opt/gpudesk/jupyter /opt/gpudesk/jupyter/bin/python -I -c \
    'from importlib.metadata import version; print(version("jupyterlab"))'
}
say "Installed JupyterLab $(print_version)."
