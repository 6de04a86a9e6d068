# shellcheck shell=bash
# The book's notebooks, from its own site.

# unpack_book URL SHA256 FOLDER: as /home/ubuntu/work/d2l-en, of which FOLDER is for this recipe; with a link to it in
# the home directory, where the chapter has it. An empty checksum is none.
unpack_book() {
  local url=$1 sum=$2 folder=$3 work="/home/ubuntu/work" zip=/var/tmp/gpudesk-d2l-en.zip
  as_ubuntu mkdir -p "$work"
  if [ -d "$work/d2l-en/$folder" ]; then
    say "The notebooks are in $work/d2l-en, and stay as they are. For new ones: move that folder away, and run the setup again."
    return
  fi
  fetch "$url" "$zip" "$sum"
  if [ -z "$sum" ]; then
    # The publisher gives no checksum, and we know none that we have not seen: TLS vouches for the server alone.
    say "$url has no published checksum. This one has SHA-256 $(sha256sum "$zip" | cut -d ' ' -f 1): given as the parameter bookSha256 it holds later machines to it."
  fi
  unzip -tq "$zip" >/dev/null || fail "$url is no whole zip: it was cut on its way, or something answered in its place."
  as_ubuntu rm -rf "$work/d2l-en.new"
  as_ubuntu unzip -q "$zip" -d "$work/d2l-en.new"
  if [ ! -d "$work/d2l-en.new/$folder" ]; then
    fail "$url holds no folder $folder, only: $(as_ubuntu find "$work/d2l-en.new" -mindepth 1 -maxdepth 1 -printf '%f ')."
  fi
  if [ -e "$work/d2l-en" ]; then
    as_ubuntu mv "$work/d2l-en" "$work/d2l-en.before-$(date -u +%Y%m%dT%H%M%SZ)"
  fi
  as_ubuntu mv "$work/d2l-en.new" "$work/d2l-en"
  rm -f "$zip"
  as_ubuntu ln -sfn work/d2l-en "/home/ubuntu/d2l-en"
  say "The notebooks are in $work/d2l-en/$folder: $(as_ubuntu find "$work/d2l-en/$folder" -name '*.ipynb' | wc -l) of them."
}
