# shellcheck shell=bash
# What every step begins with: one lock on the machine, and no step that runs twice in one attempt.
#
# Composing sets GPUDESK_DOCUMENT and GPUDESK_STEP before this; SSM_attemptId is the attempt's id, which the desk gives
# to every command of the attempt. A command that was sent twice finds the mark of the step that ended, and leaves with
# the same exit status. A step that was killed or that asked for a reboot left no mark: it runs again.

: "${SSM_attemptId:?}"

GPUDESK_STATE=/var/lib/gpudesk
GPUDESK_LOCK=/var/lib/gpudesk/lock

say() {
  printf '%s\n' "$*"
}

fail() {
  printf 'gpudesk: %s\n' "$*" >&2
  exit 1
}

# retry TRIES COMMAND...: again after 2, 4, 8, ... seconds.
retry() {
  local tries=$1 pause=2 try
  shift
  for ((try = 1; try <= tries; try++)); do
    if "$@"; then
      return 0
    fi
    if ((try < tries)); then
      say "That did not work (try $try of $tries): again in $pause s."
      sleep "$pause"
      pause=$((pause * 2))
    fi
  done
  return 1
}

# Ubuntu's own updates hold apt's locks in the first minutes after boot: wait for them.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  retry 5 apt-get -o DPkg::Lock::Timeout=300 --quiet update
  retry 3 apt-get -o DPkg::Lock::Timeout=300 --quiet --yes --no-install-recommends install "$@"
}

# make_venv FOLDER PACKAGE...: a Python environment; what is there already is kept and completed.
make_venv() {
  local folder=$1
  shift
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    say "Installing python3-venv."
    apt_install python3-venv
  fi
  say "Making the Python environment $folder with: $*."
  python3 -m venv "$folder"
  retry 4 "$folder/bin/pip" --quiet --disable-pip-version-check --no-input install --no-cache-dir "$@" ||
    fail "pip could not install $*. Can the machine reach the package index (subnet's route, proxy)?"
}

# write_file PATH MODE OWNER <CONTENT: whole or not at all, also if this is killed half-way.
write_file() {
  local path=$1 mode=$2 owner=$3
  install -d -m 0755 "$(dirname "$path")"
  (umask 077 && cat >"$path.new")
  chown "$owner:" "$path.new"
  chmod "$mode" "$path.new"
  mv -f "$path.new" "$path"
}

gpudesk_end() {
  local status=$1
  if [ "$status" -eq 194 ]; then
    return
  fi
  printf '%s\n' "$status" >"$GPUDESK_MARK.new"
  mv -f "$GPUDESK_MARK.new" "$GPUDESK_MARK"
}

mkdir -p "$GPUDESK_STATE/attempts"
# Whoever can open it can hold it, and would block every step, and the machine's own stop with it.
(umask 077 && : >>"$GPUDESK_LOCK")
chmod 0600 "$GPUDESK_LOCK"
if [ "${GPUDESK_LOCKED:-}" != "$GPUDESK_STEP" ]; then
  # --close: a daemon that this step leaves behind must not keep the lock.
  GPUDESK_LOCKED=$GPUDESK_STEP exec flock --close "$GPUDESK_LOCK" bash "$0"
fi

GPUDESK_MARK="$GPUDESK_STATE/attempts/$SSM_attemptId.$GPUDESK_DOCUMENT.$GPUDESK_STEP"
if [ -e "$GPUDESK_MARK" ]; then
  status=$(cat "$GPUDESK_MARK")
  say "Attempt $SSM_attemptId has already done this step (exit status $status): nothing is done twice."
  exit "$status"
fi
# Killed is not ended: no mark then.
trap 'trap - EXIT; exit 143' TERM INT HUP
trap 'gpudesk_end $?' EXIT
