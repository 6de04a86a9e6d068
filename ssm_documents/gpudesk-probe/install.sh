#!/usr/bin/env bash
# The probe in an environment of its own, so that nothing that people install can break it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

install -d -m 0755 /opt/gpudesk
make_venv /opt/gpudesk/probe boto3

base64 --decode <<'ZIPAPP' | write_file /opt/gpudesk/probe.pyz 0755 root
@@probe.pyz@@
ZIPAPP
say "Installed $(/opt/gpudesk/probe/bin/python /opt/gpudesk/probe.pyz --version)."
