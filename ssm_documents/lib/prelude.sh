# shellcheck shell=bash
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

# apt_install PACKAGE...: install Ubuntu packages. The lists are only updated if that is necessary: a foreign repository
# whose list is broken must not block packages that can be installed.
apt_install() {
  gpudesk_use_apt_mirror
  if gpudesk_apt install "$@" 2>/dev/null; then
    return
  fi
  local is_updated=1
  retry 5 gpudesk_update_lists || is_updated=''
  if retry 3 gpudesk_apt install "$@"; then
    return
  fi
  if [ -z "$is_updated" ]; then
    fail "apt-get update failed, so apt-get could not install $*. Check that the instance can reach its package mirror (routes of the subnet, parameters proxy and apt_mirror)."
  fi
  fail "apt-get could not install $*. The output of the step says why. Check whether the disk is full (df -h /) and whether another apt process holds the lock."
}

# gpudesk_update_lists: run apt-get update. Fail if a list of Ubuntu's archives or of the mirror could not be fetched, which
# is only a warning of apt-get. Do not fail if any other list is broken, which is an error of apt-get.
gpudesk_update_lists() {
  gpudesk_apt update || true
  ! grep -E '^[WE]: (Failed to fetch|The repository|GPG error)' < <(printf '%s\n' "$GPUDESK_APT_ERRORS") |
    grep -F -e .ubuntu.com/ -e "${SSM_aptMirror:-//archive.ubuntu.com/}" >/dev/null
}

# gpudesk_apt VERB [PACKAGE...]: run apt-get. Wait while another process holds one of its locks, up to 300 s in a step:
# Ubuntu's own updates in the first minutes after boot, or the dpkg of an interrupted step. apt has no option for it that
# works for update, or before release 1.9.11. Then complete what an interrupted dpkg has left.
gpudesk_apt() {
  local repairs=0 status
  : "${GPUDESK_APT_WAITED:=0}"
  while :; do
    status=0
    gpudesk_run_apt apt-get --quiet --yes --no-install-recommends -o Dpkg::Options::=--force-confdef \
      -o Dpkg::Options::=--force-confold "$@" || status=$?
    case $status:$GPUDESK_APT_ERRORS in
    0:*) break ;;
    *'Could not get lock'* | *'Unable to lock'* | *'Unable to acquire the dpkg'*)
      if ((GPUDESK_APT_WAITED >= 300)); then
        break
      fi
      ((GPUDESK_APT_WAITED > 0)) || say "Waiting for another process that installs packages, for at most 300 s."
      sleep 5
      GPUDESK_APT_WAITED=$((GPUDESK_APT_WAITED + 5))
      ;;
    *'dpkg --configure -a'* | *'--fix-broken install'* | *'apt-get -f install'*)
      if ((++repairs > 3)); then
        break
      fi
      say "Completing an interrupted installation of packages."
      gpudesk_run_apt dpkg --configure -a --force-confdef --force-confold || true
      gpudesk_run_apt apt-get --quiet --yes --fix-broken install || true
      ;;
    *) break ;;
    esac
  done
  if [ -n "$GPUDESK_APT_ERRORS" ]; then
    printf '%s\n' "$GPUDESK_APT_ERRORS" >&2
  fi
  return "$status"
}

# gpudesk_run_apt COMMAND...: run a program of apt without questions and without restarts of services. Its errors are in
# GPUDESK_APT_ERRORS.
gpudesk_run_apt() {
  local status=0
  {
    GPUDESK_APT_ERRORS=$(DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8 "$@" 2>&1 >&3 </dev/null) ||
      status=$?
  } 3>&1
  return "$status"
}

# hold_driver_packages: keep Ubuntu's updates from replacing the libraries of NVIDIA's driver while its old module is loaded.
# A kernel for which a package brings the module stays, too: the next one would have no module.
hold_driver_packages() {
  local patterns=('nvidia-driver-*' 'nvidia-headless-*' 'nvidia-utils-*' 'nvidia-dkms-*' 'nvidia-kernel-*'
    'nvidia-compute-utils-*' 'nvidia-firmware-*' 'libnvidia-*' 'cuda-drivers*')
  if [ -n "$(gpudesk_list_packages 'linux-modules-nvidia-*')" ]; then
    patterns+=('linux-modules-nvidia-*' linux-aws linux-image-aws linux-headers-aws)
  fi
  mapfile -t patterns < <(gpudesk_list_packages "${patterns[@]}")
  if ((${#patterns[@]})); then
    retry 3 gpudesk_run_apt apt-mark hold "${patterns[@]}" >/dev/null ||
      say "The packages of NVIDIA's driver could not be held. If an update replaces them, stop and start the instance."
  fi
}

# gpudesk_list_packages PATTERN...: print the names of the installed packages.
gpudesk_list_packages() {
  dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' || true
}

# require_free_space GIB: fail if the root disk has less free space than this step needs.
require_free_space() {
  local needed=$1 free
  free=$(df --output=avail -BM / | tail -n 1 | tr -dc 0-9)
  if ((free < needed * 1024)); then
    fail "The root disk has $((free / 1024)).$((free % 1024 * 10 / 1024)) GiB free, and this step needs about $needed GiB. Free space in a session (df -h /), or launch an instance with a larger disk_gib."
  fi
}

# make_venv FOLDER PACKAGE...: create a Python environment, or complete an existing one.
make_venv() {
  local folder=$1
  shift
  if ! python3 -I -c 'import ensurepip, venv' 2>/dev/null; then
    say "Installing python3-venv."
    apt_install python3-venv
  fi
  say "Creating the Python environment $folder with: $*."
  as_owner "$folder" python3 -I -m venv "$folder"
  retry 4 as_owner "$folder" "$folder/bin/python" -I -m pip --quiet --disable-pip-version-check --no-input install --no-cache-dir "$@" ||
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
  # needrestart, which Ubuntu runs after each upgrade, must not restart a service with the kernels of users.
  printf '%s\n' "\$nrconf{override_rc}{qr(^gpudesk-)} = 0;" |
    write_file /etc/needrestart/conf.d/gpudesk.conf 0644 root
  file_hashes=$(sha256sum "/etc/systemd/system/$unit" /etc/gpudesk/proxy.env "$@")
  systemctl daemon-reload
  systemctl enable --quiet "$unit"
  if systemctl is-active --quiet "$unit"; then
    if [ "$file_hashes" = "$(cat "$mark" 2>/dev/null)" ]; then
      say "$unit is already running, and its files have not changed."
      return
    fi
    say "Restarting $unit, because its files have changed. What runs in it ends."
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
  (cd "$home" && exec runuser -u ubuntu -- env -i "${environment[@]}" "$@") || gpudesk_return $? "$@"
}

# as_owner PATH COMMAND...: run as root if only root can have written PATH, otherwise as the user ubuntu. Root must not
# run a program or follow a link that a user may have put there.
as_owner() {
  local path=$1
  shift
  if gpudesk_is_owned_by_root "$path"; then
    "$@" || gpudesk_return $? "$@"
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
    fail "The instance has not rebooted, although this step requested it: $* Stop the instance and start it."
  fi
  if (("$(gpudesk_count_reboots)" >= 3)); then
    fail "The instance has rebooted 3 times in this step, and the step still needs a reboot: $* Look for the cause on the instance."
  fi
  say "Rebooting: $*"
  # A refresh that meets the reboot could leave the instance without its agent.
  gpudesk_hold_snap_refreshes 1800
  if command -v snap >/dev/null; then
    timeout 120 snap watch --last=auto-refresh? >/dev/null 2>&1 || true
  fi
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

# gpudesk_return STATUS COMMAND...: return the status of a command that a function was called with. The command is kept for
# the message: bash only knows the line of the function.
gpudesk_return() {
  GPUDESK_STATUS=$1
  GPUDESK_COMMAND=${*:2}
  return "$GPUDESK_STATUS"
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

# gpudesk_hold_snap_refreshes SECONDS: snapd must not replace the agent while a document runs, or while the instance
# reboots. A hold that lasts longer stays as it is. The new one is an hour longer than needed, so that most steps set none.
gpudesk_hold_snap_refreshes() {
  local until held
  command -v snap >/dev/null || return 0
  until=$(($(date +%s) + $1))
  held=$(cat "$GPUDESK_STATE/snap_hold" 2>/dev/null || echo 0)
  if ((held >= until)); then
    return 0
  fi
  held=$(timeout 20 snap get system refresh.hold 2>/dev/null || true)
  if [ "$held" != forever ] && (($(date -d "${held:-1970-01-01}" +%s 2>/dev/null || echo 0) < until)); then
    until=$((until + 3600))
    timeout 20 snap set system "refresh.hold=$(date -u -d "@$until" +%Y-%m-%dT%H:%M:%SZ)" 2>/dev/null || return 0
  fi
  printf '%s\n' "$until" >"$GPUDESK_STATE/snap_hold" || true
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

mkdir -p "$GPUDESK_STATE/attempts"
chmod 0755 "$GPUDESK_STATE"
# Only root may open the lock. A user who could open it could hold it, and block every step and the self-stop.
(umask 077 && : >>"$GPUDESK_LOCK")
chmod 0600 "$GPUDESK_LOCK"
GPUDESK_ATTEMPT_MARK="$GPUDESK_STATE/attempts/$SSM_attemptId.$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_STEP_MARK="$GPUDESK_STATE/steps/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
GPUDESK_REBOOTS="$GPUDESK_STATE/reboots/$GPUDESK_DOCUMENT.$GPUDESK_STEP"
if [ "${GPUDESK_LOCKED:-}" != "$GPUDESK_STEP" ]; then
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
