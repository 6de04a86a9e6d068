#!/usr/bin/env bash
# The probe as a service: it survives reboot, stop and start.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}" "${SSM_heartbeatKey:?}" "${SSM_heartbeatTable:?}" "${SSM_heartbeatRegion:?}"

# The allowed patterns admit nothing that JSON would have to escape.
printf '{"table": "%s", "key": "%s", "region": "%s", "gpu_count": %d}\n' \
  "$SSM_heartbeatTable" "$SSM_heartbeatKey" "$SSM_heartbeatRegion" "$((10#$SSM_gpuCount))" |
  write_file /etc/gpudesk/probe.json 0644 root

write_file /etc/systemd/system/gpudesk-probe.service 0644 root <<'UNIT'
@@gpudesk-probe.service@@
UNIT

say "A first look:"
if ! /opt/gpudesk/probe/bin/python /opt/gpudesk/probe.pyz run --once /etc/gpudesk/probe.json; then
  say "The first heartbeat did not get through. The probe goes on trying; until then the desk knows nothing of this machine."
fi

start_service gpudesk-probe.service /etc/gpudesk/probe.json /opt/gpudesk/probe.pyz
systemctl is-active --quiet gpudesk-probe.service ||
  fail "gpudesk-probe.service does not run: $(journalctl --unit gpudesk-probe.service --lines 20 --no-pager)"
say "The probe runs as gpudesk-probe.service."
