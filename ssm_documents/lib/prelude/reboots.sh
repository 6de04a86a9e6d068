# shellcheck shell=bash
# Reboots that a step requests, and the snap refreshes that could meet them.

# request_reboot REASON: exit with status 194. The SSM agent then reboots the instance and runs the step again from its
# start.
request_reboot() {
  local boot
  boot=$(gpudesk_print_boot_id)
  if [ "$(tail -n 1 "$GPUDESK_REBOOTS" 2>/dev/null)" = "$boot" ]; then
    fail "The instance has not rebooted, although this step requested it: $* Stop the instance and start it."
  fi
  if (("$(gpudesk_count_reboots)" >= 3)); then
    fail "The instance has rebooted 3 times in this step, and the step still needs a reboot: $* Look for the cause on the instance."
  fi
  say "Rebooting: $*"
  # A refresh that meets the reboot could leave the instance without its agent.
  gpudesk_hold_snap_refreshes 1800
  if command -v snap >/dev/null; then
    timeout 120 snap watch --last=auto-refresh? >/dev/null 2>&1 || true
  fi
  mkdir -p "$(dirname "$GPUDESK_REBOOTS")"
  printf '%s\n' "$boot" >>"$GPUDESK_REBOOTS"
  exit 194
}

# has_rebooted: return 0 if this step requested a reboot and the instance has rebooted since.
has_rebooted() {
  [ -s "$GPUDESK_REBOOTS" ] && [ "$(tail -n 1 "$GPUDESK_REBOOTS")" != "$(gpudesk_print_boot_id)" ]
}

gpudesk_print_boot_id() {
  cat /proc/sys/kernel/random/boot_id
}

gpudesk_count_reboots() {
  cat "$GPUDESK_REBOOTS" 2>/dev/null | wc -l
}

# gpudesk_hold_snap_refreshes SECONDS: snapd must not replace the agent while a document runs, or while the instance
# reboots. A hold that lasts longer stays as it is. The new one is an hour longer than needed, so that most steps set none.
gpudesk_hold_snap_refreshes() {
  local until held
  command -v snap >/dev/null || return 0
  until=$(($(date +%s) + $1))
  held=$(cat "$GPUDESK_STATE/snap_hold" 2>/dev/null || echo 0)
  if ((held >= until)); then
    return 0
  fi
  held=$(timeout 20 snap get system refresh.hold 2>/dev/null || true)
  if [ "$held" != forever ] && (($(date -d "${held:-1970-01-01}" +%s 2>/dev/null || echo 0) < until)); then
    until=$((until + 3600))
    timeout 20 snap set system "refresh.hold=$(date -u -d "@$until" +%Y-%m-%dT%H:%M:%SZ)" 2>/dev/null || return 0
  fi
  printf '%s\n' "$until" >"$GPUDESK_STATE/snap_hold" || true
}
