# shellcheck shell=bash
# Commands and files of the user ubuntu.

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
