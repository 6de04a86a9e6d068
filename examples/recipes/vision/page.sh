#!/usr/bin/env bash
# Serve the folder with the team's work as a page on 127.0.0.1. People open it through a session. As a systemd unit, it
# starts again after a reboot, and after a stop and start.
set -euo pipefail
# shellcheck source=/dev/null
source include:prelude.sh

# The parameter page_port of recipe.json, and the number of GPUs.
: "${SSM_pagePort:?}" "${SSM_gpuCount:?}"

write_file /etc/systemd/system/vision-page.service 0644 root <<UNIT
[Unit]
Description=Page with the work of the vision team

[Service]
User=ubuntu
WorkingDirectory=/home/ubuntu/work/vision
ExecStart=/opt/gpudesk/custom/vision/bin/python -I -m http.server --bind 127.0.0.1 $SSM_pagePort
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet vision-page.service
systemctl restart vision-page.service

retry 5 curl --silent --fail --output /dev/null "http://127.0.0.1:$SSM_pagePort/" ||
  fail "The page does not respond on 127.0.0.1:$SSM_pagePort. To see why, run on the instance: journalctl --unit vision-page.service"
say "The page is on 127.0.0.1:$SSM_pagePort."
if [ "$SSM_gpuCount" = 0 ]; then
  say "This instance has no GPU. A start script can check that with SSM_gpuCount."
fi
