# shellcheck shell=bash
# Packages of Ubuntu.

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

# Replace only the URLs of Ubuntu's archives. A mirror of Ubuntu does not have the repositories of NVIDIA and others.
gpudesk_use_apt_mirror() {
  local list
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/ubuntu.sources; do
    if [ -n "${SSM_aptMirror:-}" ] && [ -e "$list" ]; then
      sed -E -i "s#https?://([a-z0-9-]+\.)*(archive|security|ports)\.ubuntu\.com/ubuntu(-ports)?/?#${SSM_aptMirror%/}/#" "$list"
    fi
  done
}
