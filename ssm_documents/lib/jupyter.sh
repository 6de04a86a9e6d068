# shellcheck shell=bash
# JupyterLab as a service of the user ubuntu. It starts again after a reboot, and after a stop and start.

# serve_jupyter FOLDER FILE...: start the JupyterLab of that environment; kernels run in the environment, too. An instance
# has one JupyterLab: that of the last recipe. It restarts if one of the files has changed.
serve_jupyter() {
  local folder=$1
  shift
  as_ubuntu mkdir -p /home/ubuntu/work

  # The token is created here, is never in a parameter or an output, and stays the same while the disk exists.
  if [ ! -s /etc/gpudesk/jupyter-token ]; then
    as_ubuntu "$folder/bin/python" -c 'import secrets; print(secrets.token_hex(24))' |
      write_file /etc/gpudesk/jupyter-token 0600 ubuntu
    say "Created a token for Jupyter."
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

  say "Waiting for Jupyter."
  if ! as_ubuntu "$folder/bin/python" - 60 <<'WAIT'; then
@@wait_until_it_answers.py@@
WAIT
    journalctl --unit gpudesk-jupyter.service --lines 20 --no-pager >&2 || true
    fail "Jupyter did not answer on 127.0.0.1:8888 within 60 s. See the last lines of its service above, and run the setup again."
  fi
  say "Jupyter runs on 127.0.0.1:8888 of this instance, in /home/ubuntu/work."
}
