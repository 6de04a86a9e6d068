#!/usr/bin/env bash
# Install the probe with a separate Python, so that people cannot break it when they install or remove packages.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/uv.sh
source include:uv.sh

# All dependencies are pinned too (by uv pip compile), so that every instance gets the same versions.
PACKAGES=(
  boto3==1.44.5 botocore==1.44.5 jmespath==1.1.0 nvidia-ml-py==13.615.71 psutil==7.2.2 python-dateutil==2.9.0.post0
  s3transfer==0.19.3 six==1.17.0 urllib3==2.8.0
)
export UV_CACHE_DIR=/opt/gpudesk/cache UV_PYTHON_PREFERENCE=only-managed

require_free_space 1
install -d -m 0755 /opt/gpudesk
install_uv
say "Creating the Python environment /opt/gpudesk/probe."
retry 4 /opt/gpudesk/uv --quiet python install 3.12 ||
  fail "uv could not download Python. Check that the instance can reach github.com (routes of the subnet, parameter proxy)."
/opt/gpudesk/uv --quiet venv --allow-existing --python 3.12 /opt/gpudesk/probe
retry 4 /opt/gpudesk/uv --quiet pip install --python /opt/gpudesk/probe/bin/python \
  "${PACKAGES[@]}" ||
  fail "The packages of the probe could not be installed. Check that the instance can reach the package index (routes of the subnet, parameters proxy and pip_index)."
rm -rf "$UV_CACHE_DIR"

unpack() {
  /opt/gpudesk/probe/bin/python -I -c "$(
    cat <<'UNPACK'
@@unpack.py@@
UNPACK
  )"
}

unpack <<'PROBE' | write_file /opt/gpudesk/probe.pyz 0755 root
@@probe.txt@@
PROBE
for verb in hold keep status history; do
  printf '#!/bin/sh\nexec /opt/gpudesk/probe/bin/python -I /opt/gpudesk/probe.pyz %s "$@"\n' "$verb" |
    write_file "/usr/local/bin/gpudesk-$verb" 0755 root
done
say "Installed $(/opt/gpudesk/probe/bin/python -I /opt/gpudesk/probe.pyz --version)."
