# shellcheck shell=bash
# JupyterLab as a service of the user ubuntu: it survives reboot, stop and start.

# serve_jupyter FOLDER FILE...: the JupyterLab of that environment, which its kernels then run in;
# there is one on a machine, and the recipe that was set up last has it. It starts again once one of the files is another.
serve_jupyter() {
  local folder=$1
  shift
  as_ubuntu mkdir -p /home/ubuntu/work

  # The token is made here, never leaves in a parameter or an output, and stays the same for as long as the disk does.
  if [ ! -s /etc/gpudesk/jupyter-token ]; then
    as_ubuntu "$folder/bin/python" -c 'import secrets; print(secrets.token_hex(24))' |
      write_file /etc/gpudesk/jupyter-token 0600 ubuntu
    say "Made a token for Jupyter."
  fi

  write_within "$folder" share/jupyter/lab/settings/overrides.json <<'SETTINGS'
@@overrides.json@@
SETTINGS
  write_file /etc/gpudesk/jupyter_server_config.py 0644 root <<'CONFIG'
@@jupyter_server_config.py@@
CONFIG
  sed "s#@ENVIRONMENT@#$folder#" <<'UNIT' | write_file /etc/systemd/system/gpudesk-jupyter.service 0644 root
@@gpudesk-jupyter.service@@
UNIT
  start_service gpudesk-jupyter.service /etc/gpudesk/jupyter_server_config.py "$@"

  say "Waiting until Jupyter answers."
  if ! as_ubuntu "$folder/bin/python" - 60 <<'WAIT'; then
@@wait_until_it_answers.py@@
WAIT
    journalctl --unit gpudesk-jupyter.service --lines 20 --no-pager >&2 || true
    fail "Jupyter did not answer on 127.0.0.1:8888 within 60 s; above are the last lines of its service."
  fi
  say "Jupyter answers on 127.0.0.1:8888 of this machine, working in /home/ubuntu/work."
}
