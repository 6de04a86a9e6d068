#!/usr/bin/env bash
# A page with the team's work, as a service: it survives reboot, stop and start. Loopback only: people come by a session.
set -euo pipefail
# shellcheck source=/dev/null
source include:prelude.sh

# What was chosen, and how many GPUs there are.
: "${SSM_pagePort:?}" "${SSM_gpuCount:?}"

write_file /etc/systemd/system/vision-page.service 0644 root <<UNIT
[Unit]
Description=The vision team's work

[Service]
User=ubuntu
WorkingDirectory=/home/ubuntu/work/vision
ExecStart=/opt/gpudesk/custom/vision/bin/python -m http.server --bind 127.0.0.1 $SSM_pagePort
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet vision-page.service
systemctl restart vision-page.service

retry 5 curl --silent --fail --output /dev/null "http://127.0.0.1:$SSM_pagePort/" ||
  fail "The page does not answer on 127.0.0.1:$SSM_pagePort. On the machine: journalctl --unit vision-page.service"
say "The page is on 127.0.0.1:$SSM_pagePort."
if [ "$SSM_gpuCount" = 0 ]; then
  say "There is no GPU here: nothing was done for one."
fi
