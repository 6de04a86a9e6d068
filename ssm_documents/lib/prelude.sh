# shellcheck shell=bash
# The beginning of every step. One lock per instance lets only one step run at a time. A step runs once per attempt, and
# a later attempt skips it if it was done before.
#
# ssm_documents/compose.py sets these variables before: GPUDESK_DOCUMENT, GPUDESK_STEP and GPUDESK_POSITION ("2 of 5");
# GPUDESK_SCRIPT, the hash of the step's text; GPUDESK_READS, the parameters that it reads; GPUDESK_ALWAYS, "1" if it is
# never skipped. SSM_attemptId is the id of the attempt, which gpudesk passes to every command of the attempt.
#
# A step leaves two marks. The mark of the attempt holds the exit status: if a command is sent twice, the second one
# returns the same status. The mark of the step is written on success. It holds the hash of the step's text and of the
# parameters that it reads, so that a later attempt repeats only steps that have changed. A step that was killed or that
# requested a reboot leaves no mark and runs again.

: "${SSM_attemptId:?}"

GPUDESK_STATE=/var/lib/gpudesk
GPUDESK_LOCK=/var/lib/gpudesk/lock

# say TEXT...: print a line. Users see the last line as the progress of the setup.
say() {
  printf '%s\n' "$*"
  gpudesk_progress "$*" 2>/dev/null || true
}

# fail CAUSE. ADVICE.: end the step. Users see the cause (the first sentence) and the advice (the rest).
fail() {
  GPUDESK_HAS_FAILED=1
  printf 'gpudesk: %s\n' "$*" >&2
  exit 1
}

# retry COUNT COMMAND...: run the command until it succeeds, with pauses of 2, 4, 8, ... seconds.
retry() {
  local count=$1 pause=2 try
  shift
  for ((try = 1; try <= count; try++)); do
    if "$@"; then
      return 0
    fi
    if ((try < count)); then
      say "Attempt $try of $count failed. Trying again in $pause s."
      sleep "$pause"
      pause=$((pause * 2))
    fi
  done
  return 1
}

# apt_install PACKAGE...: Ubuntu's own updates hold the locks of apt in the first minutes after boot, so wait for them.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  gpudesk_use_apt_mirror
  retry 5 apt-get -o DPkg::Lock::Timeout=300 --quiet update ||
    fail "apt-get update failed. Check that the instance can reach its package mirror (routes of the subnet, parameters proxy and aptMirror)."
  retry 3 apt-get -o DPkg::Lock::Timeout=300 --quiet --yes --no-install-recommends install "$@" ||
    fail "apt-get could not install $*. See the output above. Check whether the disk is full (df -h /) and whether another apt process holds the lock."
}

# make_venv FOLDER PACKAGE...: create a Python environment, or complete an existing one.
make_venv() {
  local folder=$1
  shift
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    say "Installing python3-venv."
    apt_install python3-venv
  fi
  say "Creating the Python environment $folder with: $*."
  as_owner "$folder" python3 -m venv "$folder"
  retry 4 as_owner "$folder" "$folder/bin/pip" --quiet --disable-pip-version-check --no-input install --no-cache-dir "$@" ||
    fail "pip could not install $*. Check that the instance can reach the package index (routes of the subnet, parameters proxy and pipIndex)."
}

# fetch URL FILE [SHA256]: download completely and with this checksum, or fail. A file with that checksum is kept.
fetch() {
  local url=$1 file=$2 sum=${3:-}
  if [ -n "$sum" ] && [ "$(gpudesk_sum "$file")" = "$sum" ]; then
    return
  fi
  say "Downloading $url."
  mkdir -p "$(dirname "$file")"
  retry 5 gpudesk_download "$url" "$file.part" ||
    fail "$url could not be downloaded. Check that the instance can reach the internet (routes of the subnet, parameter proxy)."
  if [ -n "$sum" ] && [ "$(gpudesk_sum "$file.part")" != "$sum" ]; then
    rm -f "$file.part"
    fail "$url has a wrong SHA-256 (expected $sum), so the download was deleted. Check whether a proxy sent something else. Otherwise the file was changed: do not use it."
  fi
  mv -f "$file.part" "$file"
}

# write_file PATH MODE OWNER <CONTENT: replace a file in one step, so that an interrupted run leaves the old one.
write_file() {
  local path=$1 mode=$2 owner=$3
  install -d -m 0755 "$(dirname "$path")"
  (umask 077 && cat >"$path.new")
  chown "$owner:" "$path.new"
  chmod "$mode" "$path.new"
  mv -f "$path.new" "$path"
}

# start_service UNIT FILE...: enable a service, and restart it if its unit or one of these files has changed. Otherwise
# it keeps running, and its kernels survive a rerun of the setup. The proxy is in /etc/gpudesk/proxy.env, for
# EnvironmentFile=.
start_service() {
  local unit=$1 mark="$GPUDESK_STATE/services/$1" file_hashes name
  shift
  for name in http_proxy https_proxy no_proxy; do
    if [ -n "${!name:-}" ]; then
      printf '%s=%s\n' "$name" "${!name}"
    fi
  done | write_file /etc/gpudesk/proxy.env 0644 root
  file_hashes=$(sha256sum "/etc/systemd/system/$unit" /etc/gpudesk/proxy.env "$@")
  systemctl daemon-reload
  systemctl enable --quiet "$unit"
  if systemctl is-active --quiet "$unit" && [ "$file_hashes" = "$(cat "$mark" 2>/dev/null)" ]; then
    say "$unit is already running, and its files have not changed."
    return
  fi
  rm -f "$mark"
  systemctl restart "$unit"
  printf '%s\n' "$file_hashes" | write_file "$mark" 0644 root
}

# as_ubuntu COMMAND...: run as the user ubuntu, in the home folder, with a clean environment and without a login shell.
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

# as_owner PATH COMMAND...: run as root if only root can have written PATH, otherwise as the user ubuntu. So root runs no
# program that a user may have replaced, and writes through no link of a user.
as_owner() {
  local path=$1
  shift
  if gpudesk_is_roots "$path"; then
    "$@"
  else
    as_ubuntu "$@"
  fi
}

# write_within FOLDER FILE <CONTENT: replace a file in one step, as the owner of the folder.
write_within() {
  local folder=$1 path="$1/$2"
  as_owner "$folder" mkdir -p "${path%/*}"
  as_owner "$folder" tee "$path.new" >/dev/null
  as_owner "$folder" chmod 0644 "$path.new"
  as_owner "$folder" mv -f "$path.new" "$path"
}

# need_reboot REASON: end this run. The SSM agent reboots the instance and runs the step again from its start.
need_reboot() {
  local boot
  boot=$(gpudesk_boot)
  if [ "$(tail -n 1 "$GPUDESK_REBOOTS" 2>/dev/null)" = "$boot" ]; then
    fail "A reboot was requested, but the instance has not rebooted: $* Stop the instance, start it, and run the setup again."
  fi
  if (("$(gpudesk_reboots)" >= 3)); then
    fail "The instance has rebooted 3 times in this step, and a reboot is still needed: $*"
  fi
  say "Rebooting: $*"
  mkdir -p "$(dirname "$GPUDESK_REBOOTS")"
  printf '%s\n' "$boot" >>"$GPUDESK_REBOOTS"
  exit 194
}

# after_reboot: return 0 in the run after a reboot that this step requested.
after_reboot() {
  [ -s "$GPUDESK_REBOOTS" ] && [ "$(tail -n 1 "$GPUDESK_REBOOTS")" != "$(gpudesk_boot)" ]
}

# gpudesk_is_roots PATH: return 0 if root owns PATH and all its parents. Any other owner could place a link or program.
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

# Change only Ubuntu's own archives: a mirror of Ubuntu does not have the repositories of NVIDIA and others.
gpudesk_use_apt_mirror() {
  local list
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/ubuntu.sources; do
    if [ -n "${SSM_aptMirror:-}" ] && [ -e "$list" ]; then
      sed -E -i "s#https?://([a-z0-9-]+\.)*(archive|security|ports)\.ubuntu\.com/ubuntu(-ports)?/?#${SSM_aptMirror%/}/#" "$list"
    fi
  done
}

# gpudesk_hash: print the hash of the text and the parameters of this step.
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

# gpudesk_progress LINE: write the progress for the probe, which reports it: SSM shows no output of a running step.
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

# gpudesk_end STATUS COMMAND: write the marks. COMMAND is the last one, for a failure without a message.
gpudesk_end() {
  local status=$1
  if [ "$status" -eq 194 ]; then
    return
  fi
  if [ "$status" -eq 0 ]; then
    mkdir -p "$GPUDESK_STATE/steps"
    printf '%s\n' "$GPUDESK_HASH" >"$GPUDESK_STEP_MARK.new"
    mv -f "$GPUDESK_STEP_MARK.new" "$GPUDESK_STEP_MARK"
  elif [ -z "${GPUDESK_HAS_FAILED:-}" ]; then
    printf 'gpudesk: Failed at: %s (exit status %s). See the output above.\n' "${2%%$'\n'*}" "$status" >&2
  fi
  printf '%s\n' "$status" >"$GPUDESK_MARK.new"
  mv -f "$GPUDESK_MARK.new" "$GPUDESK_MARK"
  rm -f "$GPUDESK_REBOOTS"
  if [ "$status" -ne 0 ] || [ "${GPUDESK_POSITION%% *}" = "${GPUDESK_POSITION##* }" ]; then
    rm -f "$GPUDESK_STATE/progress.json"
  fi
}

mkdir -p "$GPUDESK_STATE/attempts"
# Only root may open the lock: whoever can open it can hold it, and would block every step and the self-stop.
(umask 077 && : >>"$GPUDESK_LOCK")
chmod 0600 "$GPUDESK_LOCK"
if [ "${GPUDESK_LOCKED:-}" != "$GPUDESK_STEP" ]; then
  # --close: a daemon that this step leaves behind must not keep the lock.
  GPUDESK_LOCKED=$GPUDESK_STEP exec flock --close "$GPUDESK_LOCK" bash "$0"
fi

GPUDESK_MARK="$GPUDESK_STATE/attempts/$SSM_attemptId.$GPUDESK_DOCUMENT.$GPUDESK_STEP"
if [ -e "$GPUDESK_MARK" ]; then
  status=$(cat "$GPUDESK_MARK")
  printf '%s\n' "Attempt $SSM_attemptId has already run this step (exit status $status). It does not run again."
  exit "$status"
fi
# A killed step leaves no mark.
trap 'trap - EXIT; exit 143' TERM INT HUP
trap 'gpudesk_end $? "$BASH_COMMAND"' EXIT

GPUDESK_STEP_MARK="$GPUDESK_STATE/steps/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_REBOOTS="$GPUDESK_STATE/reboots/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_HASH=$(gpudesk_hash)
read -r GPUDESK_STARTED _ </proc/uptime
GPUDESK_STARTED=${GPUDESK_STARTED%.*}
if [ -z "${GPUDESK_ALWAYS:-}" ] && [ "$(cat "$GPUDESK_STEP_MARK" 2>/dev/null)" = "$GPUDESK_HASH" ]; then
  printf '%s\n' "Skipped: this step was done before and has not changed."
  exit 0
fi
# From here on the step may be half done.
rm -f "$GPUDESK_STEP_MARK"
gpudesk_progress "" 2>/dev/null || true
gpudesk_use_proxy
if after_reboot; then
  say "This step runs again, after reboot $(gpudesk_reboots)."
fi
