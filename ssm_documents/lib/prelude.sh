# shellcheck shell=bash
# The beginning of every step. A lock lets only one step run on the instance at a time. A step runs once per attempt, and
# a later attempt skips it if it was done before.
#
# ssm_documents/compose.py sets these variables before this file:
#   GPUDESK_DOCUMENT, GPUDESK_STEP   names of the document and of the step
#   GPUDESK_POSITION                 position of the step in the document: "2 of 5"
#   GPUDESK_SCRIPT_HASH              hash of the text of the step
#   GPUDESK_STEP_PARAMETERS          names of the parameters that the step reads
#   GPUDESK_ALWAYS                   "1" if the step is never skipped
# SSM sets SSM_NAME for each parameter of the document. SSM_attemptId is the same in all documents of an attempt.
#
# A step leaves two files when it ends:
#   attempts/ATTEMPT.DOCUMENT.STEP   its exit status. If SSM delivers a command twice, the second run exits with it.
#   steps/DOCUMENT.STEP              only after a success: the hash of its text and its parameters. A later attempt skips
#                                    the step if the hash is still the same.
# A step that was killed or that requested a reboot leaves neither and runs again.

: "${SSM_attemptId:?}"

GPUDESK_STATE=/var/lib/gpudesk
GPUDESK_LOCK=/var/lib/gpudesk/lock

# say TEXT...: print a line. Users see the last line as the progress of the step.
say() {
  printf '%s\n' "$*"
  gpudesk_write_progress "$*" 2>/dev/null || true
}

# fail CAUSE. ADVICE.: end the step. Users see the cause (the first sentence) and the advice (the rest).
fail() {
  GPUDESK_HAS_MESSAGE=1
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
    fail "apt-get update failed. Check that the instance can reach its package mirror (routes of the subnet, parameters proxy and apt_mirror)."
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
    fail "pip could not install $*. Check that the instance can reach the package index (routes of the subnet, parameters proxy and pip_index)."
}

# fetch URL FILE [SHA256]: download the whole file and verify the checksum, or fail. If FILE already has the checksum,
# nothing is downloaded.
fetch() {
  local url=$1 file=$2 sum=${3:-}
  if [ -n "$sum" ] && [ "$(gpudesk_print_sha256 "$file")" = "$sum" ]; then
    return
  fi
  say "Downloading $url."
  mkdir -p "$(dirname "$file")"
  retry 5 gpudesk_download "$url" "$file.part" ||
    fail "$url could not be downloaded. Check that the instance can reach the internet (routes of the subnet, parameter proxy)."
  if [ -n "$sum" ] && [ "$(gpudesk_print_sha256 "$file.part")" != "$sum" ]; then
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
# the service keeps running, so that kernels survive a rerun of the setup. A unit reads the proxy from
# /etc/gpudesk/proxy.env (EnvironmentFile=).
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

# as_owner PATH COMMAND...: run as root if only root can have written PATH, otherwise as the user ubuntu. Root must not
# run a program or follow a link that a user may have put there.
as_owner() {
  local path=$1
  shift
  if gpudesk_is_owned_by_root "$path"; then
    "$@"
  else
    as_ubuntu "$@"
  fi
}

# write_file_as_owner FOLDER FILE <CONTENT: replace FOLDER/FILE in one step, as the owner of FOLDER.
write_file_as_owner() {
  local folder=$1 path="$1/$2"
  as_owner "$folder" mkdir -p "${path%/*}"
  as_owner "$folder" tee "$path.new" >/dev/null
  as_owner "$folder" chmod 0644 "$path.new"
  as_owner "$folder" mv -f "$path.new" "$path"
}

# request_reboot REASON: exit with status 194. The SSM agent then reboots the instance and runs the step again from its
# start.
request_reboot() {
  local boot
  boot=$(gpudesk_print_boot_id)
  if [ "$(tail -n 1 "$GPUDESK_REBOOTS" 2>/dev/null)" = "$boot" ]; then
    fail "The instance has not rebooted, although this step requested it: $* Stop the instance, start it, and run the setup again."
  fi
  if (("$(gpudesk_count_reboots)" >= 3)); then
    fail "The instance has rebooted 3 times in this step, and the step still needs a reboot: $* Look for the cause on the instance, then run the setup again."
  fi
  say "Rebooting: $*"
  mkdir -p "$(dirname "$GPUDESK_REBOOTS")"
  printf '%s\n' "$boot" >>"$GPUDESK_REBOOTS"
  exit 194
}

# has_rebooted: return 0 if this step requested a reboot and the instance has rebooted since.
has_rebooted() {
  [ -s "$GPUDESK_REBOOTS" ] && [ "$(tail -n 1 "$GPUDESK_REBOOTS")" != "$(gpudesk_print_boot_id)" ]
}

# gpudesk_is_owned_by_root PATH: return 0 if root owns PATH and all its parents. Another owner could replace them.
gpudesk_is_owned_by_root() {
  local path=$1
  while [ "$path" != / ]; do
    if [ "$(stat -c %u "$path" 2>/dev/null || echo 0)" != 0 ]; then
      return 1
    fi
    path=$(dirname "$path")
  done
}

gpudesk_print_boot_id() {
  cat /proc/sys/kernel/random/boot_id
}

gpudesk_count_reboots() {
  cat "$GPUDESK_REBOOTS" 2>/dev/null | wc -l
}

gpudesk_print_sha256() {
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

# Replace only the URLs of Ubuntu's archives. A mirror of Ubuntu does not have the repositories of NVIDIA and others.
gpudesk_use_apt_mirror() {
  local list
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/ubuntu.sources; do
    if [ -n "${SSM_aptMirror:-}" ] && [ -e "$list" ]; then
      sed -E -i "s#https?://([a-z0-9-]+\.)*(archive|security|ports)\.ubuntu\.com/ubuntu(-ports)?/?#${SSM_aptMirror%/}/#" "$list"
    fi
  done
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

# gpudesk_finish_step STATUS COMMAND: leave the two files. COMMAND, the last one, is printed if the step did not call fail.
gpudesk_finish_step() {
  local status=$1
  if [ "$status" -eq 194 ]; then
    return
  fi
  if [ "$status" -eq 0 ]; then
    mkdir -p "$GPUDESK_STATE/steps"
    printf '%s\n' "$GPUDESK_STEP_HASH" >"$GPUDESK_STEP_MARK.new"
    mv -f "$GPUDESK_STEP_MARK.new" "$GPUDESK_STEP_MARK"
  elif [ -z "${GPUDESK_HAS_MESSAGE:-}" ]; then
    printf 'gpudesk: Failed at: %s (exit status %s). See the output above.\n' "${2%%$'\n'*}" "$status" >&2
  fi
  printf '%s\n' "$status" >"$GPUDESK_ATTEMPT_MARK.new"
  mv -f "$GPUDESK_ATTEMPT_MARK.new" "$GPUDESK_ATTEMPT_MARK"
  rm -f "$GPUDESK_REBOOTS"
  if [ "$status" -ne 0 ] || [ "${GPUDESK_POSITION%% *}" = "${GPUDESK_POSITION##* }" ]; then
    rm -f "$GPUDESK_STATE/progress.json"
  fi
}

mkdir -p "$GPUDESK_STATE/attempts"
# Only root may open the lock. A user who could open it could hold it, and block every step and the self-stop.
(umask 077 && : >>"$GPUDESK_LOCK")
chmod 0600 "$GPUDESK_LOCK"
if [ "${GPUDESK_LOCKED:-}" != "$GPUDESK_STEP" ]; then
  # --close: a daemon that this step starts must not hold the lock after the step.
  GPUDESK_LOCKED=$GPUDESK_STEP exec flock --close "$GPUDESK_LOCK" bash "$0"
fi

GPUDESK_ATTEMPT_MARK="$GPUDESK_STATE/attempts/$SSM_attemptId.$GPUDESK_DOCUMENT.$GPUDESK_STEP"
if [ -e "$GPUDESK_ATTEMPT_MARK" ]; then
  status=$(cat "$GPUDESK_ATTEMPT_MARK")
  printf '%s\n' "Attempt $SSM_attemptId has already run this step (exit status $status). It does not run again."
  exit "$status"
fi
# A killed step exits without gpudesk_finish_step, so it leaves no file and runs again.
trap 'trap - EXIT; exit 143' TERM INT HUP
trap 'gpudesk_finish_step $? "$BASH_COMMAND"' EXIT

GPUDESK_STEP_MARK="$GPUDESK_STATE/steps/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_REBOOTS="$GPUDESK_STATE/reboots/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
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
if has_rebooted; then
  say "This step runs again, after reboot $(gpudesk_count_reboots)."
fi
