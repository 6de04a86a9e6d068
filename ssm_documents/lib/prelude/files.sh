# shellcheck shell=bash
# Files of root, and room for them.

# require_free_space GIB: fail if the root disk has less free space than this step needs.
require_free_space() {
  local needed=$1 free
  free=$(df --output=avail -BM / | tail -n 1 | tr -dc 0-9)
  if ((free < needed * 1024)); then
    fail "The root disk has $((free / 1024)).$((free % 1024 * 10 / 1024)) GiB free, and this step needs about $needed GiB. Free space in a session (df -h /), or launch an instance with a larger disk_gib."
  fi
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
