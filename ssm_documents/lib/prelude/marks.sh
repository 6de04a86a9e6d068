# shellcheck shell=bash disable=SC2154
# The files that a step leaves (see prelude.sh), from which the next run knows what is done.

# gpudesk_check_previous: fail if the step before this one has not succeeded in this attempt. The agent continues a document
# after a step that timed out.
gpudesk_check_previous() {
  local status
  if [ -n "$GPUDESK_PREVIOUS" ]; then
    status=$(cat "$GPUDESK_STATE/attempts/$SSM_attemptId.$GPUDESK_DOCUMENT.$GPUDESK_PREVIOUS" 2>/dev/null || echo none)
    if [ "$status" != 0 ]; then
      printf 'gpudesk: %s\n' "Step $GPUDESK_STEP did not begin, because step $GPUDESK_PREVIOUS has not succeeded (exit status: $status)." >&2
      exit 1
    fi
  fi
}

# gpudesk_print_step_hash: print the hash of the text of this step and of the parameters that it reads.
gpudesk_print_step_hash() {
  local name
  {
    printf '%s\n' "$GPUDESK_SCRIPT_HASH"
    for name in $GPUDESK_STEP_PARAMETERS; do
      name=SSM_$name
      printf '%s=%s\n' "$name" "${!name-}"
    done
  } | sha256sum | cut -d ' ' -f 1
}

# gpudesk_finish_step STATUS COMMAND: leave the two files. COMMAND, the last one, is printed if the step did not call fail.
gpudesk_finish_step() {
  local status=$1 command=${2%%$'\n'*}
  if [ "$status" -eq 194 ]; then
    return
  fi
  case $command in
  *GPUDESK_STATUS*) command=$GPUDESK_COMMAND ;;
  esac
  if [ "$status" -ne 0 ] && [ -z "${GPUDESK_HAS_MESSAGE:-}" ]; then
    if [ "$status" -eq 137 ] || gpudesk_has_memory_run_out; then
      gpudesk_print_memory_failure "Failed at: ${command%%$'\n'*} (exit status $status)."
    else
      printf 'gpudesk: Failed at: %s (exit status %s). The output of the step says why.\n' "${command%%$'\n'*}" "$status" >&2
    fi
  fi
  # These two statuses of a command would have another meaning as the status of the step.
  case $status in
  124 | 137) status=1 ;;
  esac
  gpudesk_leave_marks "$status"
  exit "$status"
}

gpudesk_leave_marks() {
  local status=$1
  if [ "$status" -eq 0 ]; then
    mkdir -p "$GPUDESK_STATE/steps"
    printf '%s\n' "$GPUDESK_STEP_HASH" >"$GPUDESK_STEP_MARK.new"
    mv -f "$GPUDESK_STEP_MARK.new" "$GPUDESK_STEP_MARK"
  fi
  printf '%s\n' "$status" >"$GPUDESK_ATTEMPT_MARK.new"
  mv -f "$GPUDESK_ATTEMPT_MARK.new" "$GPUDESK_ATTEMPT_MARK"
  rm -f "$GPUDESK_REBOOTS"
  if [ "$status" -ne 0 ] || [ "${GPUDESK_POSITION%% *}" = "${GPUDESK_POSITION##* }" ]; then
    rm -f "$GPUDESK_STATE/progress.json"
  fi
}
