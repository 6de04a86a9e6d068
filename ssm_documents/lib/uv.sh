# shellcheck shell=bash
# uv knows where a Python for this machine is to be had, and its checksum. One uv serves every document.

export UV_PYTHON_INSTALL_DIR=/opt/gpudesk/python

install_uv() {
  local version=0.13.9 name folder
  local releases=https://github.com/astral-sh/uv/releases/download
  if [ "$(/opt/gpudesk/uv --version 2>/dev/null | cut -d ' ' -f 2)" = "$version" ]; then
    return
  fi
  name="uv-$(uname -m)-unknown-linux-musl.tar.gz"
  folder=$(mktemp -d)
  fetch "$releases/$version/$name.sha256" "$folder/sum"
  fetch "$releases/$version/$name" "$folder/$name" "$(cut -d ' ' -f 1 "$folder/sum")"
  tar --extract --gzip --file "$folder/$name" --directory "$folder" --strip-components 1
  install -d -m 0755 /opt/gpudesk
  install -m 0755 "$folder/uv" /opt/gpudesk/uv.new
  mv -f /opt/gpudesk/uv.new /opt/gpudesk/uv
  rm -rf "$folder"
}

# uv_as_ubuntu WORD...: what it makes belongs to the user. What it has downloaded outlives a run that is cut.
uv_as_ubuntu() {
  local settings=(UV_CACHE_DIR="/home/ubuntu/.cache/gpudesk-uv" UV_PYTHON_INSTALL_DIR="$UV_PYTHON_INSTALL_DIR"
    UV_PYTHON_DOWNLOADS=never)
  if [ -n "${UV_DEFAULT_INDEX:-}" ]; then
    settings+=(UV_DEFAULT_INDEX="$UV_DEFAULT_INDEX")
  fi
  as_ubuntu env "${settings[@]}" /opt/gpudesk/uv --quiet "$@"
}

# uv_install FOLDER WORD...: into an environment of the user's. What an earlier run was cut in is installed anew:
# a package that was written half looks like a whole one.
uv_install() {
  local folder=$1
  shift
  retry 4 uv_as_ubuntu pip install --python "$folder/bin/python" --reinstall "$@" ||
    fail "These could not be installed: $*. Can the machine reach the package index (subnet's route, the parameters proxy and pipIndex)? Is there room on the disk (df -h /)?"
  as_ubuntu rm -rf "/home/ubuntu/.cache/gpudesk-uv"
}

# version_in FOLDER PACKAGE: as it is installed there; to import it takes too long.
version_in() {
  as_ubuntu "$1/bin/python" -c 'import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))' "$2"
}
