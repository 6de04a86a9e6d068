#!/usr/bin/env bash
# Before an image is made, what belongs to this machine alone leaves the disk; a unit makes it anew on whatever boots
# without it: a copy, or this machine, where it is rebooted for the image.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_action:?}"

write_file /opt/gpudesk/gpudesk-machine-secrets 0755 root <<'PROGRAM'
@@gpudesk-machine-secrets@@
PROGRAM
write_file /etc/systemd/system/gpudesk-machine-secrets.service 0644 root <<'UNIT'
@@gpudesk-machine-secrets.service@@
UNIT
systemctl daemon-reload
systemctl enable --quiet gpudesk-machine-secrets.service

/opt/gpudesk/gpudesk-machine-secrets "$SSM_action"
sync
