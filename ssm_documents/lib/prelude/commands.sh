# shellcheck shell=bash disable=SC2034
# Commands that may fail: repeated, and kept for the message about the failure.

# retry COUNT COMMAND...: run the command until it succeeds, with pauses of 2, 4, 8, ... seconds. A command that was killed
# because memory ran out is not repeated.
retry() {
  local count=$1 pause=2 try status
  shift
  for ((try = 1; try <= count; try++)); do
    status=0
    "$@" || status=$?
    if ((status == 0)); then
      return 0
    fi
    if ((status == 137)); then
      GPUDESK_KILLED=1
      break
    fi
    if ((try < count)); then
      say "Attempt $try of $count failed. Trying again in $pause s."
      sleep "$pause"
      pause=$((pause * 2))
    fi
  done
  gpudesk_return "$status" "$@"
}

# gpudesk_return STATUS COMMAND...: return the status of a command that a function was called with. The command is kept for
# the message: bash only knows the line of the function.
gpudesk_return() {
  GPUDESK_STATUS=$1
  GPUDESK_COMMAND=${*:2}
  return "$GPUDESK_STATUS"
}
