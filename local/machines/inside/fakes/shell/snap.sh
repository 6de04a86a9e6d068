# shellcheck shell=sh
# `snap get system refresh.hold`, which most steps run.

if [ "$*" = "get system refresh.hold" ]; then
  if [ -e /var/lib/snapd/refresh.hold ]; then
    cat /var/lib/snapd/refresh.hold
    echo
    exit
  fi
  echo 'error: snap "core" has no "refresh.hold" configuration option' >&2
  exit 1
fi
