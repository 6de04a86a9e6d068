#!/usr/bin/env bash
# Create an environment that belongs to the user ubuntu, so that pip in a notebook works without root. The chapter uses
# conda. This script uses uv: only a Python is needed, and uv verifies the Python that it downloads.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

# PyTorch 2.13 needs Python 3.10 to 3.14. The packages in d2l_package.sh need 3.11 and have wheels up to 3.13.
SUPPORTED='>=3.11,<3.14'

apt_install ca-certificates curl unzip
install_uv
if ! /opt/gpudesk/uv python find --no-python-downloads --quiet "$SUPPORTED" >/dev/null 2>&1; then
  say "The instance has no Python $SUPPORTED. Downloading Python 3.12."
  retry 4 /opt/gpudesk/uv --quiet python install 3.12 ||
    fail "uv could not download Python. Check that the instance can reach github.com (routes of the subnet, parameter proxy)."
fi
install -d -m 0755 -o ubuntu -g ubuntu /opt/gpudesk/d2l
uv_as_ubuntu venv --allow-existing --python "$SUPPORTED" /opt/gpudesk/d2l
say "Created the environment /opt/gpudesk/d2l with $(as_ubuntu /opt/gpudesk/d2l/bin/python --version)."
