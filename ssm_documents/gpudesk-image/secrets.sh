#!/usr/bin/env bash
# Remove the secrets of this instance before an image is created, or restore them. A unit creates new secrets at a boot
# without secrets: on a copy of the disk, and on this instance if it is rebooted for the image.
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
