#!/usr/bin/env bash
# Create the environment d2l: Python 3.7, MXNet 1.7.0 for CUDA 10.1, and a matching d2l.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/conda.sh
source include:conda.sh

: "${SSM_gpuCount:?}"

# The chapter installs the latest d2l from its repository, which no longer supports Python 3.7. The last release of d2l
# that does is 0.17.6. It requires Jupyter and numpy 1.21.5. MXNet 1.7 works with this numpy; later ones have no np.bool.
D2L=d2l==0.17.6
MXNET=mxnet-cu101==1.7.0
if ((10#$SSM_gpuCount == 0)); then
  # The build for CUDA cannot be imported without the library of the driver.
  MXNET=mxnet==1.7.0.post1
  say "This instance has no GPU, so the build for CPUs is installed."
fi

require_free_space 6
# Start from an empty environment: conda and pip would take a package that an interrupted run left incomplete as complete.
as_ubuntu rm -rf "$MINICONDA/envs/d2l" ||
  fail "$MINICONDA/envs/d2l could not be removed. It may contain files of root: the output of the step names them. Remove the folder with sudo."
say "Creating the conda environment d2l with Python 3.7."
conda_create --name d2l python=3.7 pip
say "Installing $MXNET (0.8 GB) and $D2L."
retry 4 as_ubuntu "$MINICONDA/envs/d2l/bin/python" -I -m pip --quiet --disable-pip-version-check --no-input install \
  --no-cache-dir "$MXNET" "$D2L" ||
  fail "pip could not install $MXNET and $D2L. Check that the instance can reach the package index (routes of the subnet, parameters proxy and pip_index)."
say "Installed $MXNET and $D2L in $MINICONDA/envs/d2l."
