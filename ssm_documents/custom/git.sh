#!/usr/bin/env bash
# Public repositories of a team's own recipe, as checkouts of the user ubuntu. What people have changed there is theirs.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

mapfile -t CHECKOUTS <<'CHECKOUTS'
@@git.txt@@
CHECKOUTS
WORK=/home/ubuntu/work

# As the user, without a login shell, and never asking for a password that nobody could type.
git_as_user() {
  as_ubuntu env GIT_TERMINAL_PROMPT=0 git "$@"
}

clone() {
  local url=$1 ref=$2 folder=$3
  as_ubuntu rm -rf "$folder.new"
  git_as_user clone --quiet "$url" "$folder.new" && git_as_user -C "$folder.new" checkout --quiet "$ref" --
}

# Whether all that is in the checkout came from the repository.
is_untouched() {
  [ -z "$(git_as_user -C "$1" status --porcelain)" ] &&
    [ -z "$(git_as_user -C "$1" log --oneline -1 HEAD --not --remotes --tags)" ]
}

update() {
  local ref=$1 folder=$2
  git_as_user -C "$folder" fetch --quiet --tags origin && git_as_user -C "$folder" checkout --quiet "$ref" -- || return 1
  # A branch moves on; a tag or a commit does not.
  if git_as_user -C "$folder" symbolic-ref --quiet HEAD >/dev/null; then
    git_as_user -C "$folder" merge --quiet --ff-only "origin/$ref"
  fi
}

if ! command -v git >/dev/null; then
  apt_install git
fi
if ! as_ubuntu mkdir -p "$WORK" || ! as_ubuntu test -w "$WORK"; then
  fail "$WORK is no folder of the user ubuntu. Move it away, and run the setup again."
fi
for checkout in "${CHECKOUTS[@]}"; do
  read -r url ref into <<<"$checkout"
  folder="$WORK/$into"
  if [ -d "$folder/.git" ] && ! is_untouched "$folder"; then
    say "$folder has changes of somebody's and stays as it is."
  elif [ -d "$folder/.git" ]; then
    retry 4 update "$ref" "$folder" ||
      fail "$folder could not be brought to $ref of $url. Is there such a branch, tag or commit? Can the machine reach it?"
    say "$folder is at $ref of $url."
  elif [ -e "$folder" ]; then
    fail "$folder is there and is no checkout of git's. Move it away, and run the setup again."
  else
    retry 4 clone "$url" "$ref" "$folder" ||
      fail "$url could not be cloned at $ref. Is it public, is there such a branch, tag or commit, can the machine reach it?"
    as_ubuntu mv "$folder.new" "$folder"
    say "Cloned $url into $folder, at $ref."
  fi
done
