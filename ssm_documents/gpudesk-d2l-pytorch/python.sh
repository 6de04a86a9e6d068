#!/usr/bin/env bash
# An environment of the user's own, so that pip in a notebook needs no root. The chapter has conda make it; uv does it
# here, since nothing but a Python is needed of conda, and uv verifies the Python that it fetches.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

# PyTorch 2.13 runs under 3.10 to 3.14; what d2l.sh pins wants 3.11, and has wheels up to 3.13.
FITS='>=3.11,<3.14'

apt_install ca-certificates curl unzip
install_uv
if ! /opt/gpudesk/uv python find --no-python-downloads --quiet "$FITS" >/dev/null 2>&1; then
  say "This machine's own Python is not $FITS: fetching 3.12."
  retry 4 /opt/gpudesk/uv --quiet python install 3.12 ||
    fail "uv could not fetch a Python. Can the machine reach github.com (subnet's route, the parameter proxy)?"
fi
install -d -m 0755 -o ubuntu -g ubuntu /opt/gpudesk/d2l
uv_as_ubuntu venv --allow-existing --python "$FITS" /opt/gpudesk/d2l
say "Made the environment /opt/gpudesk/d2l with $(as_ubuntu /opt/gpudesk/d2l/bin/python --version)."
