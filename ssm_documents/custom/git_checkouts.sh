#!/usr/bin/env bash
# Clone or update the public repositories of a custom recipe, as the user ubuntu. A checkout with local changes stays as it
# is.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

mapfile -t CHECKOUTS <<'CHECKOUTS'
@@git.txt@@
CHECKOUTS
WORK=/home/ubuntu/work

# git_as_user ARGUMENT...: run git as the user ubuntu, without a prompt for a password.
git_as_user() {
  as_ubuntu env GIT_TERMINAL_PROMPT=0 git "$@"
}

clone() {
  local url=$1 ref=$2 folder=$3
  as_ubuntu rm -rf "$folder.new"
  git_as_user clone --quiet "$url" "$folder.new" && git_as_user -C "$folder.new" checkout --quiet "$ref" --
}

# is_untouched FOLDER: return 0 if the checkout has no local changes and no local commits.
is_untouched() {
  [ -z "$(git_as_user -C "$1" status --porcelain)" ] &&
    [ -z "$(git_as_user -C "$1" log --oneline -1 HEAD --not --remotes --tags)" ]
}

update() {
  local ref=$1 folder=$2
  git_as_user -C "$folder" fetch --quiet --tags origin && git_as_user -C "$folder" checkout --quiet "$ref" -- || return 1
  # Only a branch can have new commits, a tag or a commit cannot.
  if git_as_user -C "$folder" symbolic-ref --quiet HEAD >/dev/null; then
    git_as_user -C "$folder" merge --quiet --ff-only "origin/$ref"
  fi
}

if ! command -v git >/dev/null; then
  apt_install git
fi
if ! as_ubuntu mkdir -p "$WORK" || ! as_ubuntu test -w "$WORK"; then
  fail "$WORK is not a folder of the user ubuntu. Move it away."
fi
for checkout in "${CHECKOUTS[@]}"; do
  read -r url ref target_dir <<<"$checkout"
  folder="$WORK/$target_dir"
  if [ -d "$folder/.git" ] && ! is_untouched "$folder"; then
    say "$folder has local changes and is not updated."
  elif [ -d "$folder/.git" ]; then
    retry 4 update "$ref" "$folder" ||
      fail "$folder could not be updated to $ref of $url. Check that this branch, tag or commit exists and that the instance can reach the repository."
    say "Updated $folder to $ref of $url."
  elif [ -e "$folder" ]; then
    fail "$folder exists and is not a git checkout. Move it away."
  else
    retry 4 clone "$url" "$ref" "$folder" ||
      fail "$url could not be cloned at $ref. Check that the repository is public, that this branch, tag or commit exists, and that the instance can reach it."
    as_ubuntu mv "$folder.new" "$folder"
    say "Cloned $url into $folder, at $ref."
  fi
done
