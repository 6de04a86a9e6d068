#!/usr/bin/env bash
# Start the probe as a service. It starts again after a reboot, and after a stop and start.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_gpuCount:?}" "${SSM_heartbeatKey:?}" "${SSM_heartbeatTable:?}" "${SSM_heartbeatRegion:?}"

# The parameters contain no character that JSON must escape: their allowed patterns accept none.
printf '{"table": "%s", "key": "%s", "region": "%s", "gpu_count": %d}\n' \
  "$SSM_heartbeatTable" "$SSM_heartbeatKey" "$SSM_heartbeatRegion" "$((10#$SSM_gpuCount))" |
  write_file /etc/gpudesk/probe.json 0644 root

write_file /etc/systemd/system/gpudesk-probe.service 0644 root <<'UNIT'
@@gpudesk-probe.service@@
UNIT

say "Reading the sensors and sending the first heartbeat."
if ! /opt/gpudesk/probe/bin/python -I /opt/gpudesk/probe.pyz run --once /etc/gpudesk/probe.json; then
  say "The first heartbeat could not be sent. The probe sends the next one in a minute. Until a heartbeat arrives, gpudesk does not know whether this instance is in use."
fi

if ((10#$SSM_gpuCount > 0)); then
  hold_driver_packages
fi
start_service gpudesk-probe.service /etc/gpudesk/probe.json /opt/gpudesk/probe.pyz
systemctl is-active --quiet gpudesk-probe.service ||
  fail "gpudesk-probe.service is not running: $(journalctl --unit gpudesk-probe.service --lines 20 --no-pager)"
say "The probe is running as gpudesk-probe.service."
