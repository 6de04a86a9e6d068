# shellcheck shell=bash
# What every step begins with: one lock on the machine, no step that runs twice in one attempt, and none that does again
# what is done.
#
# Composing sets before this: GPUDESK_DOCUMENT, GPUDESK_STEP and GPUDESK_POSITION ("2 of 5"); GPUDESK_SCRIPT, the hash of
# the step's text; GPUDESK_READS, the parameters that it reads; GPUDESK_ALWAYS, "1" where it is never skipped.
# SSM_attemptId is the attempt's id, which the desk gives to every command of the attempt.
#
# Two marks are left. Of the attempt: a command that was sent twice finds it, and leaves with the same exit status. Of the
# step, once it ended well: the hash of its text and of the parameters that it reads, so that another attempt skips what is
# done and does again what changed. A step that was killed or that asked for a reboot leaves none: it runs again.

: "${SSM_attemptId:?}"

GPUDESK_STATE=/var/lib/gpudesk
GPUDESK_LOCK=/var/lib/gpudesk/lock

# What is said last is the progress that people are shown.
say() {
  printf '%s\n' "$*"
  gpudesk_progress "$*" 2>/dev/null || true
}

# fail WHAT AND WHAT TO DO ABOUT IT
fail() {
  GPUDESK_SAID_WHY=1
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
  gpudesk_use_apt_mirror
  retry 5 apt-get -o DPkg::Lock::Timeout=300 --quiet update ||
    fail "apt-get update failed. Can the machine reach its package mirror (subnet's route, the parameters proxy and aptMirror)?"
  retry 3 apt-get -o DPkg::Lock::Timeout=300 --quiet --yes --no-install-recommends install "$@" ||
    fail "apt-get could not install $*: above is what it said. The disk may be full (df -h /), or another apt may hold its lock."
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
  as_owner "$folder" python3 -m venv "$folder"
  retry 4 as_owner "$folder" "$folder/bin/pip" --quiet --disable-pip-version-check --no-input install --no-cache-dir "$@" ||
    fail "pip could not install $*. Can the machine reach the package index (subnet's route, the parameters proxy and pipIndex)?"
}

# fetch URL FILE [SHA256]: whole, and what it should be, or not at all. What is there with that checksum stays.
fetch() {
  local url=$1 file=$2 sum=${3:-}
  if [ -n "$sum" ] && [ "$(gpudesk_sum "$file")" = "$sum" ]; then
    return
  fi
  say "Fetching $url."
  mkdir -p "$(dirname "$file")"
  retry 5 gpudesk_download "$url" "$file.part" ||
    fail "$url could not be fetched. Can the machine reach the internet (subnet's route, the parameter proxy)?"
  if [ -n "$sum" ] && [ "$(gpudesk_sum "$file.part")" != "$sum" ]; then
    rm -f "$file.part"
    fail "$url is not what it should be, by its SHA-256 (expected $sum), and was thrown away. A proxy may have answered in its place; if not, somebody has changed it: do not use it."
  fi
  mv -f "$file.part" "$file"
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

# start_service UNIT FILE...: enabled, and running with these files as they are now. One that does is left alone: what
# runs in it (kernels) outlives a setup that runs again. The proxy is in /etc/gpudesk/proxy.env, for EnvironmentFile=.
start_service() {
  local unit=$1 mark="$GPUDESK_STATE/services/$1" made_of name
  shift
  for name in http_proxy https_proxy no_proxy; do
    if [ -n "${!name:-}" ]; then
      printf '%s=%s\n' "$name" "${!name}"
    fi
  done | write_file /etc/gpudesk/proxy.env 0644 root
  made_of=$(sha256sum "/etc/systemd/system/$unit" /etc/gpudesk/proxy.env "$@")
  systemctl daemon-reload
  systemctl enable --quiet "$unit"
  if systemctl is-active --quiet "$unit" && [ "$made_of" = "$(cat "$mark" 2>/dev/null)" ]; then
    say "$unit runs already, as it should."
    return
  fi
  rm -f "$mark"
  systemctl restart "$unit"
  printf '%s\n' "$made_of" | write_file "$mark" 0644 root
}

# as_ubuntu COMMAND...: as the user, in their home, in a clean environment; no login shell is asked.
as_ubuntu() {
  local home=/home/ubuntu name environment
  environment=(HOME="$home" USER=ubuntu LOGNAME=ubuntu SHELL=/bin/bash LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  for name in http_proxy https_proxy no_proxy PIP_INDEX_URL; do
    if [ -n "${!name:-}" ]; then
      environment+=("$name=${!name}")
    fi
  done
  (cd "$home" && exec runuser -u ubuntu -- env -i "${environment[@]}" "$@")
}

# as_owner PATH COMMAND...: as root where nobody but root can have put there what is there, as the user ubuntu anywhere else.
# What people hold in their hands does not run as root, and root writes through no link of theirs.
as_owner() {
  local path=$1
  shift
  if gpudesk_is_roots "$path"; then
    "$@"
  else
    as_ubuntu "$@"
  fi
}

# write_within FOLDER FILE <CONTENT: whole or not at all, by whoever the folder belongs to.
write_within() {
  local folder=$1 path="$1/$2"
  as_owner "$folder" mkdir -p "${path%/*}"
  as_owner "$folder" tee "$path.new" >/dev/null
  as_owner "$folder" chmod 0644 "$path.new"
  as_owner "$folder" mv -f "$path.new" "$path"
}

# need_reboot WHY: ends this run; the agent reboots the machine and runs the step again, from its start.
need_reboot() {
  local boot
  boot=$(gpudesk_boot)
  if [ "$(tail -n 1 "$GPUDESK_REBOOTS" 2>/dev/null)" = "$boot" ]; then
    fail "A reboot was asked for, and the machine has not rebooted since: $* Stop the instance, start it, and run the setup again."
  fi
  if (("$(gpudesk_reboots)" >= 3)); then
    fail "The machine has rebooted 3 times in this step, and it is still so: $*"
  fi
  say "Rebooting: $*"
  mkdir -p "$(dirname "$GPUDESK_REBOOTS")"
  printf '%s\n' "$boot" >>"$GPUDESK_REBOOTS"
  exit 194
}

# after_reboot: whether this is the run after a reboot that this step asked for.
after_reboot() {
  [ -s "$GPUDESK_REBOOTS" ] && [ "$(tail -n 1 "$GPUDESK_REBOOTS")" != "$(gpudesk_boot)" ]
}

# Each folder on the way counts: whoever owns one can put a link, or another program, into it.
gpudesk_is_roots() {
  local path=$1
  while [ "$path" != / ]; do
    if [ "$(stat -c %u "$path" 2>/dev/null || echo 0)" != 0 ]; then
      return 1
    fi
    path=$(dirname "$path")
  done
}

gpudesk_boot() {
  cat /proc/sys/kernel/random/boot_id
}

gpudesk_reboots() {
  cat "$GPUDESK_REBOOTS" 2>/dev/null | wc -l
}

gpudesk_sum() {
  sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1
}

gpudesk_download() {
  curl --fail --silent --show-error --location --connect-timeout 20 --speed-limit 1000 --speed-time 60 \
    --output "$2" "$1"
}

gpudesk_use_proxy() {
  if [ -n "${SSM_proxy:-}" ]; then
    export http_proxy=$SSM_proxy https_proxy=$SSM_proxy no_proxy=169.254.169.254,localhost,127.0.0.1
  fi
  if [ -n "${SSM_pipIndex:-}" ]; then
    export PIP_INDEX_URL=$SSM_pipIndex UV_DEFAULT_INDEX=$SSM_pipIndex
  fi
}

# Ubuntu's own archives alone: NVIDIA's and others' repositories are not on a mirror of Ubuntu's.
gpudesk_use_apt_mirror() {
  local list
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/ubuntu.sources; do
    if [ -n "${SSM_aptMirror:-}" ] && [ -e "$list" ]; then
      sed -E -i "s#https?://([a-z0-9-]+\.)*(archive|security|ports)\.ubuntu\.com/ubuntu(-ports)?/?#${SSM_aptMirror%/}/#" "$list"
    fi
  done
}

# The hash of what this step does.
gpudesk_hash() {
  local name
  {
    printf '%s\n' "$GPUDESK_SCRIPT"
    for name in $GPUDESK_READS; do
      name=SSM_$name
      printf '%s=%s\n' "$name" "${!name-}"
    done
  } | sha256sum | cut -d ' ' -f 1
}

# gpudesk_progress LINE: for the probe, which sends it to the desk; SSM shows no output of a step that runs.
gpudesk_progress() {
  local line=${1//[[:cntrl:]]/ }
  line=${line:0:200}
  line=${line//\\/\\\\}
  line=${line//\"/\\\"}
  printf '{"document": "%s", "step": "%s", "attempt": "%s", "position": "%s", "started": %s, "line": "%s"}\n' \
    "$GPUDESK_DOCUMENT" "$GPUDESK_STEP" "$SSM_attemptId" "$GPUDESK_POSITION" "$GPUDESK_STARTED" "$line" \
    >"$GPUDESK_STATE/progress.json.new"
  mv -f "$GPUDESK_STATE/progress.json.new" "$GPUDESK_STATE/progress.json"
}

# gpudesk_end STATUS COMMAND: however it ended. The command is where an unforeseen failure happened.
gpudesk_end() {
  local status=$1
  if [ "$status" -eq 194 ]; then
    return
  fi
  if [ "$status" -eq 0 ]; then
    mkdir -p "$GPUDESK_STATE/steps"
    printf '%s\n' "$GPUDESK_HASH" >"$GPUDESK_STEP_MARK.new"
    mv -f "$GPUDESK_STEP_MARK.new" "$GPUDESK_STEP_MARK"
  elif [ -z "${GPUDESK_SAID_WHY:-}" ]; then
    printf 'gpudesk: It broke at: %s (exit status %s). Above is what was said before.\n' "${2%%$'\n'*}" "$status" >&2
  fi
  printf '%s\n' "$status" >"$GPUDESK_MARK.new"
  mv -f "$GPUDESK_MARK.new" "$GPUDESK_MARK"
  rm -f "$GPUDESK_REBOOTS"
  if [ "$status" -ne 0 ] || [ "${GPUDESK_POSITION%% *}" = "${GPUDESK_POSITION##* }" ]; then
    rm -f "$GPUDESK_STATE/progress.json"
  fi
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
  printf '%s\n' "Attempt $SSM_attemptId has already done this step (exit status $status): nothing is done twice."
  exit "$status"
fi
# Killed is not ended: no mark then.
trap 'trap - EXIT; exit 143' TERM INT HUP
trap 'gpudesk_end $? "$BASH_COMMAND"' EXIT

GPUDESK_STEP_MARK="$GPUDESK_STATE/steps/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_REBOOTS="$GPUDESK_STATE/reboots/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_HASH=$(gpudesk_hash)
read -r GPUDESK_STARTED _ </proc/uptime
GPUDESK_STARTED=${GPUDESK_STARTED%.*}
if [ -z "${GPUDESK_ALWAYS:-}" ] && [ "$(cat "$GPUDESK_STEP_MARK" 2>/dev/null)" = "$GPUDESK_HASH" ]; then
  printf '%s\n' "This step was done before, and nothing in it has changed: skipped."
  exit 0
fi
# From here on the machine may be between what it was and what it becomes.
rm -f "$GPUDESK_STEP_MARK"
gpudesk_progress "" 2>/dev/null || true
gpudesk_use_proxy
if after_reboot; then
  say "This step runs again, after reboot $(gpudesk_reboots)."
fi
