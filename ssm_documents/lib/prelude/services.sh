# shellcheck shell=bash
# Services of systemd.

# start_service UNIT FILE...: enable a service, and restart it if its unit or one of these files has changed. Otherwise
# the service keeps running, so that kernels survive a rerun of the setup. A unit reads the proxy from
# /etc/gpudesk/proxy.env (EnvironmentFile=).
start_service() {
  local unit=$1 mark="$GPUDESK_STATE/services/$1" file_hashes name
  shift
  for name in http_proxy https_proxy no_proxy; do
    if [ -n "${!name:-}" ]; then
      printf '%s=%s\n' "$name" "${!name}"
    fi
  done | write_file /etc/gpudesk/proxy.env 0644 root
  # needrestart, which Ubuntu runs after each upgrade, must not restart a service with the kernels of users.
  printf '%s\n' "\$nrconf{override_rc}{qr(^gpudesk-)} = 0;" |
    write_file /etc/needrestart/conf.d/gpudesk.conf 0644 root
  file_hashes=$(sha256sum "/etc/systemd/system/$unit" /etc/gpudesk/proxy.env "$@")
  systemctl daemon-reload
  systemctl enable --quiet "$unit"
  if systemctl is-active --quiet "$unit"; then
    if [ "$file_hashes" = "$(cat "$mark" 2>/dev/null)" ]; then
      say "$unit is already running, and its files have not changed."
      return
    fi
    say "Restarting $unit, because its files have changed. What runs in it ends."
  fi
  rm -f "$mark"
  systemctl restart "$unit"
  printf '%s\n' "$file_hashes" | write_file "$mark" 0644 root
}
