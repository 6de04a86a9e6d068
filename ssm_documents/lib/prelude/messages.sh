# shellcheck shell=bash disable=SC2034,SC2154
# What a step tells people: lines of progress, and why it failed.

# say TEXT...: print a line. Users see the last line as the progress of the step.
say() {
  printf '%s\n' "$*"
  gpudesk_write_progress "$*" 2>/dev/null || true
}

# fail CAUSE. ADVICE.: end the step. Users see the cause (the first sentence) and the advice (the rest).
fail() {
  local status=$?
  if [ "$status" -eq 137 ] || [ -n "${GPUDESK_KILLED:-}" ] || gpudesk_has_memory_run_out; then
    gpudesk_print_memory_failure "$*"
  else
    printf 'gpudesk: %s\n' "$*" >&2
  fi
  GPUDESK_HAS_MESSAGE=1
  exit 1
}

# gpudesk_print_memory_failure MESSAGE: print why the step failed. MESSAGE is what the step itself says about it.
gpudesk_print_memory_failure() {
  printf 'gpudesk: %s\n' "Memory ran out, so a program of this step was killed. Launch an instance type with more memory, or end other programs (free -h). The step says: ${1%%. *}." >&2
}

gpudesk_count_oom_kills() {
  sed -n 's/^oom_kill //p' /proc/vmstat
}

# gpudesk_has_memory_run_out: return 0 if the kernel has killed a program since this step began.
gpudesk_has_memory_run_out() {
  [ "$(gpudesk_count_oom_kills)" != "${GPUDESK_OOM_KILLS-$(gpudesk_count_oom_kills)}" ]
}

# gpudesk_write_progress LINE: write the file that the probe sends to gpudesk. SSM shows no output of a running step.
gpudesk_write_progress() {
  local line=${1//[[:cntrl:]]/ }
  line=${line:0:200}
  line=${line//\\/\\\\}
  line=${line//\"/\\\"}
  printf '{"document": "%s", "step": "%s", "attempt": "%s", "position": "%s", "started": %s, "line": "%s"}\n' \
    "$GPUDESK_DOCUMENT" "$GPUDESK_STEP" "$SSM_attemptId" "$GPUDESK_POSITION" "$GPUDESK_STARTED_AT" "$line" \
    >"$GPUDESK_STATE/progress.json.new"
  mv -f "$GPUDESK_STATE/progress.json.new" "$GPUDESK_STATE/progress.json"
}
