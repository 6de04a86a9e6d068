#!/usr/bin/env bash
# Run the owner's before-stop hook as the user ubuntu, within its time, print the end of its output, and sync the disk.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_hook:?}" "${SSM_seconds:?}" "${SSM_stopReason:?}"

OUTPUT=/var/lib/gpudesk/before-stop.log
OUTPUT_BYTES=2000

# Another user's program, or one outside the home folder, is no program that the owner has put there.
program=$(realpath -e -- "$SSM_hook" 2>/dev/null) ||
  fail "$SSM_hook does not exist. Create it, or set another before_stop_hook (PATCH /instances/NAME)."
case $program in
/home/ubuntu/*) ;;
*) fail "$SSM_hook is a link to $program, which is not in /home/ubuntu, so it was not run. Copy the program." ;;
esac
if [ "$(stat -c %u "$program")" != "$(id -u ubuntu)" ]; then
  fail "$program does not belong to the user ubuntu, so it was not run. Run chown ubuntu on it."
fi
if ! [ -f "$program" ] || ! as_ubuntu test -x "$program"; then
  fail "$program is not an executable file, so it was not run. Run chmod +x on it."
fi

gpudesk_write_progress "Running $SSM_hook for at most $SSM_seconds s." 2>/dev/null || true
rm -f "$OUTPUT"
status=0
began_at=$SECONDS
# timeout ends all processes of its group. A program in the background can keep the output open: so nothing waits for
# collect_output, which has no output of its own that the agent would wait for.
collect_output() {
  exec >/dev/null 2>&1
  tail -c "$OUTPUT_BYTES" >"$OUTPUT.new"
  mv -f "$OUTPUT.new" "$OUTPUT"
}
# Only the program writes to the output, also its errors: bash reports a program that was killed, with a long line.
# shellcheck disable=SC2016
as_ubuntu env GPUDESK_STOP_REASON="$SSM_stopReason" \
  sh -c 'exec timeout --kill-after=5 "$0" "$1" 2>&1' "$SSM_seconds" "$program" \
  </dev/null > >(collect_output) 2>/dev/null || status=$?
for _ in {1..20}; do
  if [ -e "$OUTPUT" ]; then
    break
  fi
  sleep 0.1
done
timeout 5 sync || true
cat "$OUTPUT" 2>/dev/null || true
if [ "$status" -eq 137 ] && ((SECONDS - began_at < SSM_seconds)); then
  fail "The hook was killed after $((SECONDS - began_at)) s. Run it in a session to find the cause, such as too little memory (free -h)."
fi
case $status in
0) ;;
124 | 137) fail "The hook did not end within $SSM_seconds s, so it was ended. Let it save less, or more often while the instance runs." ;;
126 | 127) fail "The hook could not be started (exit status $status). Check the first line of $program, such as #!/bin/bash." ;;
*) fail "The hook exited with status $status. Run it in a session to find the cause." ;;
esac
