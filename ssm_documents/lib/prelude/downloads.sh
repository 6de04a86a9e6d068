# shellcheck shell=bash
# What a step installs from the internet, through the proxy if there is one.

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

gpudesk_download() {
  curl --fail --silent --show-error --location --connect-timeout 20 --speed-limit 1000 --speed-time 60 \
    --output "$2" "$1"
}

gpudesk_print_sha256() {
  sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1
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

gpudesk_use_proxy() {
  if [ -n "${SSM_proxy:-}" ]; then
    export http_proxy=$SSM_proxy https_proxy=$SSM_proxy no_proxy=169.254.169.254,localhost,127.0.0.1
  fi
  if [ -n "${SSM_pipIndex:-}" ]; then
    export PIP_INDEX_URL=$SSM_pipIndex UV_DEFAULT_INDEX=$SSM_pipIndex
  fi
}
