# shellcheck shell=bash
# JupyterLab as a service of the user ubuntu. It starts again after a reboot, and after a stop and start.

# serve_jupyter FOLDER FILE...: start the JupyterLab of the environment FOLDER. Its kernels run in this environment, too. The
# service restarts if one of the files has changed. An instance has one JupyterLab: that of the last recipe.
serve_jupyter() {
  local folder=$1
  shift
  as_ubuntu mkdir -p /home/ubuntu/work

  # The token is created on the instance, is in no parameter and no output, and stays the same as long as the disk exists.
  if [ ! -s /etc/gpudesk/jupyter-token ]; then
    as_ubuntu "$folder/bin/python" -I -c 'import secrets; print(secrets.token_hex(24))' |
      write_file /etc/gpudesk/jupyter-token 0600 ubuntu
    say "Created a token for Jupyter."
  fi

  write_file_as_owner "$folder" share/jupyter/lab/settings/overrides.json <<'SETTINGS'
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
  if ! as_ubuntu "$folder/bin/python" -I - 60 <<'WAIT'; then
@@wait_for_jupyter.py@@
WAIT
    journalctl --unit gpudesk-jupyter.service --lines 20 --no-pager >&2 || true
    fail "gpudesk-jupyter.service did not respond on 127.0.0.1:8888 within 60 s. The output of the step has the last lines of its log. Remove the cause, such as another server on this port."
  fi
  say "Jupyter runs on 127.0.0.1:8888 of this instance, in /home/ubuntu/work."
}
