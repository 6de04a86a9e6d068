# shellcheck shell=bash
# The run of a step: one at a time on the instance, and within its time limit.

# gpudesk_supervise: run this script with the lock, and return its exit status. The script ends at its time limit, which the
# wait for the lock is part of.
gpudesk_supervise() {
  local began_at=$SECONDS status=0 watchdog
  if ! flock --nonblock "$GPUDESK_LOCK" true; then
    printf '%s\n' "Waiting for another step that is running on this instance, for at most $GPUDESK_TIME_LIMIT s."
  fi
  watchdog=$(gpudesk_watch_time >/dev/null 2>&1 & echo $!)
  # --close: a daemon that this step starts must not hold the lock after the step.
  GPUDESK_LOCKED=$GPUDESK_STEP flock --close --timeout "$GPUDESK_TIME_LIMIT" --conflict-exit-code 124 \
    "$GPUDESK_LOCK" bash "$0" || status=$?
  kill "$watchdog" 2>/dev/null || true
  if ((status != 0 && SECONDS - began_at >= GPUDESK_TIME_LIMIT)); then
    printf 'gpudesk: %s\n' "Step $GPUDESK_STEP did not end within its time limit of $GPUDESK_TIME_LIMIT s." >&2
    gpudesk_leave_marks 124
    return 124
  fi
  if [ "$status" -eq 137 ]; then
    gpudesk_print_memory_failure "Step $GPUDESK_STEP was killed (exit status 137)."
    return 1
  fi
  return "$status"
}

# gpudesk_watch_time: end the processes of this step at its time limit. They are in the process group that the agent has
# created for it. dpkg is in a group of its own and completes its work: the next attempt waits for its lock.
gpudesk_watch_time() {
  local group pid signal
  # Wait without another process, which would outlive this one. Nothing is ever written to this pipe.
  read -r -t "$GPUDESK_TIME_LIMIT" _ <> <(:) || true
  group=$(ps -o pgid= -p $$ | tr -d ' ')
  for signal in TERM KILL; do
    for pid in $(pgrep -g "$group"); do
      # flock keeps the lock until the script has ended.
      case "$signal $pid $(cat "/proc/$pid/comm" 2>/dev/null)" in
      *" $$ "* | *" $BASHPID "* | *" $group "* | "TERM "*" flock") ;;
      *) kill -s "$signal" "$pid" 2>/dev/null || true ;;
      esac
    done
    sleep 10
  done
}
