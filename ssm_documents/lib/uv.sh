# shellcheck shell=bash
# uv, which installs Python and packages. It verifies the checksum of the Python that it downloads. All documents share one
# uv, /opt/gpudesk/uv.

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

# uv_as_ubuntu ARGUMENT...: run uv as the user ubuntu, who then owns what uv installs. After an interrupted run, the next
# run uses the downloads again.
uv_as_ubuntu() {
  local settings=(UV_CACHE_DIR="/home/ubuntu/.cache/gpudesk-uv" UV_PYTHON_INSTALL_DIR="$UV_PYTHON_INSTALL_DIR"
    UV_PYTHON_DOWNLOADS=never)
  if [ -n "${UV_DEFAULT_INDEX:-}" ]; then
    settings+=(UV_DEFAULT_INDEX="$UV_DEFAULT_INDEX")
  fi
  as_ubuntu env "${settings[@]}" /opt/gpudesk/uv --quiet "$@"
}

# uv_install FOLDER ARGUMENT...: install into an environment of the user ubuntu. Everything is reinstalled, because a
# package that an interrupted run left incomplete looks complete.
uv_install() {
  local folder=$1
  shift
  retry 4 uv_as_ubuntu pip install --python "$folder/bin/python" --reinstall "$@" ||
    fail "uv could not install $*. Check that the instance can reach the package index (routes of the subnet, parameters proxy and pip_index) and that the disk has space (df -h /)."
  as_ubuntu rm -rf "/home/ubuntu/.cache/gpudesk-uv"
}

# print_version FOLDER PACKAGE: print the version of a package in an environment. Importing the package would take longer.
print_version() {
  as_ubuntu "$1/bin/python" -I -c 'import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))' "$2"
}
