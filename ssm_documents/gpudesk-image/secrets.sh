#!/usr/bin/env bash
# Before an image is made, what belongs to this machine alone leaves the disk; a unit makes it anew on whatever boots
# without it: a copy, or this machine, where it is rebooted for the image.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_deed:?}"

write_file /opt/gpudesk/identity 0755 root <<'IDENTITY'
@@identity@@
IDENTITY
write_file /etc/systemd/system/gpudesk-identity.service 0644 root <<'UNIT'
@@gpudesk-identity.service@@
UNIT
systemctl daemon-reload
systemctl enable --quiet gpudesk-identity.service

/opt/gpudesk/identity "$SSM_deed"
sync
