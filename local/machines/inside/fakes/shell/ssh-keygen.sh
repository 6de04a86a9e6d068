# shellcheck shell=sh
# `ssh-keygen -A`, only for a key of type ed25519. The search for the primes of an RSA key takes seconds.

if [ "$*" = "-A" ]; then
  key=/etc/ssh/ssh_host_ed25519_key
  [ -e "$key" ] || exec /.machine/usr/bin/ssh-keygen -q -t ed25519 -N "" -C "root@$(hostname)" -f "$key"
  exit
fi
exec /.machine/usr/bin/ssh-keygen "$@"
