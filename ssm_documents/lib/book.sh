# shellcheck shell=bash
# The notebooks of the book, from its website.

# unpack_book URL SHA256 FOLDER: unpack the zip file to /home/ubuntu/work/d2l-en, and link it as d2l-en in the home folder,
# where the chapter expects it. FOLDER is the folder in the zip file with the notebooks of this recipe. If SHA256 is
# empty, the file is not verified.
unpack_book() {
  local url=$1 sum=$2 folder=$3 work="/home/ubuntu/work" zip=/var/tmp/gpudesk-d2l-en.zip
  as_ubuntu mkdir -p "$work"
  if [ -d "$work/d2l-en/$folder" ]; then
    say "The notebooks are already in $work/d2l-en and stay as they are. To get new ones, move that folder away and run the setup again."
    return
  fi
  fetch "$url" "$zip" "$sum"
  if [ -z "$sum" ]; then
    # The publisher gives no checksum. TLS only verifies the server.
    say "$url has no published checksum. This download has SHA-256 $(sha256sum "$zip" | cut -d ' ' -f 1). To require the same file later, launch with the parameter book_sha256 set to this value."
  fi
  unzip -tq "$zip" >/dev/null || fail "$url is not a complete zip file. Check whether a proxy sent something else."
  as_ubuntu rm -rf "$work/d2l-en.new"
  as_ubuntu unzip -q "$zip" -d "$work/d2l-en.new"
  if [ ! -d "$work/d2l-en.new/$folder" ]; then
    fail "$url has no folder $folder, only: $(as_ubuntu find "$work/d2l-en.new" -mindepth 1 -maxdepth 1 -printf '%f ')."
  fi
  if [ -e "$work/d2l-en" ]; then
    as_ubuntu mv "$work/d2l-en" "$work/d2l-en.before-$(date -u +%Y%m%dT%H%M%SZ)"
  fi
  as_ubuntu mv "$work/d2l-en.new" "$work/d2l-en"
  rm -f "$zip"
  as_ubuntu ln -sfn work/d2l-en "/home/ubuntu/d2l-en"
  say "The notebooks are in $work/d2l-en/$folder: $(as_ubuntu find "$work/d2l-en/$folder" -name '*.ipynb' | wc -l) of them."
}
