# shellcheck shell=bash source-path=SCRIPTDIR
# The beginning of every step. A lock lets only one step run on the instance at a time. A step runs once per attempt, and
# a later attempt skips it if it was done before. A step begins only after the step before it has succeeded.
#
# ssm_documents/compose.py sets these variables before this file:
#   GPUDESK_DOCUMENT, GPUDESK_STEP   names of the document and of the step
#   GPUDESK_POSITION                 position of the step in the document: "2 of 5"
#   GPUDESK_PREVIOUS                 name of the step before it, if any
#   GPUDESK_TIME_LIMIT               seconds after which the step ends itself, shorter than SSM's timeoutSeconds
#   GPUDESK_SCRIPT_HASH              hash of the text of the step
#   GPUDESK_STEP_PARAMETERS          names of the parameters that the step reads
#   GPUDESK_ALWAYS                   "1" if the step is never skipped
# The modules in prelude/ hold the functions that steps call, and share these variables.
# SSM sets SSM_NAME for each parameter of the document. SSM_attemptId is the same in all documents of an attempt.
#
# A step leaves two files when it ends:
#   attempts/ATTEMPT.DOCUMENT.STEP   its exit status. If SSM delivers a command twice, the second run exits with it.
#   steps/DOCUMENT.STEP              only after a success: the hash of its text and its parameters. A later attempt skips
#                                    the step if the hash is still the same.
# A step that was killed or that requested a reboot leaves neither and runs again.
#
# Exit statuses with a meaning for the agent: 194 reboots the instance, and 137 looks like a time-out. A step ends with 124
# only if it has exceeded its own time limit.

: "${SSM_attemptId:?}"

# The agent's unit may set another umask. Users must be able to read what gpudesk installs.
umask 022

GPUDESK_STATE=/var/lib/gpudesk
GPUDESK_LOCK=/var/lib/gpudesk/lock

# shellcheck source=prelude/messages.sh
source include:prelude/messages.sh
# shellcheck source=prelude/commands.sh
source include:prelude/commands.sh
# shellcheck source=prelude/apt.sh
source include:prelude/apt.sh
# shellcheck source=prelude/downloads.sh
source include:prelude/downloads.sh
# shellcheck source=prelude/files.sh
source include:prelude/files.sh
# shellcheck source=prelude/services.sh
source include:prelude/services.sh
# shellcheck source=prelude/users.sh
source include:prelude/users.sh
# shellcheck source=prelude/reboots.sh
source include:prelude/reboots.sh
# shellcheck source=prelude/supervision.sh
source include:prelude/supervision.sh
# shellcheck source=prelude/marks.sh
source include:prelude/marks.sh

GPUDESK_ATTEMPT_MARK="$GPUDESK_STATE/attempts/$SSM_attemptId.$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_STEP_MARK="$GPUDESK_STATE/steps/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_REBOOTS="$GPUDESK_STATE/reboots/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
if [ "${GPUDESK_LOCKED:-}" != "$GPUDESK_STEP" ]; then
  mkdir -p "$GPUDESK_STATE/attempts"
  chmod 0755 "$GPUDESK_STATE"
  # Only root may open the lock. A user who could open it could hold it, and block every step and the self-stop.
  (umask 077 && : >>"$GPUDESK_LOCK")
  chmod 0600 "$GPUDESK_LOCK"
  status=0
  gpudesk_supervise || status=$?
  exit "$status"
fi

if [ -e "$GPUDESK_ATTEMPT_MARK" ]; then
  status=$(cat "$GPUDESK_ATTEMPT_MARK")
  printf '%s\n' "Attempt $SSM_attemptId has already run this step (exit status $status). It does not run again."
  exit "$status"
fi
gpudesk_check_previous
# A killed step exits without gpudesk_finish_step, so it leaves no file and runs again.
trap 'trap - EXIT; exit 143' TERM INT HUP
trap 'gpudesk_finish_step $? "$BASH_COMMAND"' EXIT

GPUDESK_OOM_KILLS=$(gpudesk_count_oom_kills)
GPUDESK_STEP_HASH=$(gpudesk_print_step_hash)
read -r GPUDESK_STARTED_AT _ </proc/uptime
GPUDESK_STARTED_AT=${GPUDESK_STARTED_AT%.*}
if [ -z "${GPUDESK_ALWAYS:-}" ] && [ "$(cat "$GPUDESK_STEP_MARK" 2>/dev/null)" = "$GPUDESK_STEP_HASH" ]; then
  printf '%s\n' "Skipped: this step was done before and has not changed."
  exit 0
fi
# From here on the step may be interrupted halfway, so its last success no longer counts.
rm -f "$GPUDESK_STEP_MARK"
gpudesk_write_progress "" 2>/dev/null || true
gpudesk_use_proxy
gpudesk_hold_snap_refreshes $((GPUDESK_TIME_LIMIT + 600))
if has_rebooted; then
  say "This step runs again, after reboot $(gpudesk_count_reboots)."
fi
