#!/usr/bin/env bash
# The environment d2l: Python 3.7, MXNet 1.7.0 for CUDA 10.1, and the d2l that fits it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh
# shellcheck source-path=SCRIPTDIR source=../lib/conda.sh
source include:conda.sh

: "${SSM_gpuCount:?}"

# The chapter takes d2l from the head of its repository, which has moved on: 0.17.6 is the last release for Python 3.7, and
# it brings Jupyter and the numpy (1.21.5) that MXNet 1.7 runs with (later ones have no np.bool).
D2L=d2l==0.17.6
MXNET=mxnet-cu101==1.7.0
if ((10#$SSM_gpuCount == 0)); then
  # The build for CUDA wants the driver's library even to be imported.
  MXNET=mxnet==1.7.0.post1
  say "There is no GPU here: taking the build for CPUs."
fi

# What a run was cut in is made anew: conda and pip take a package that is half there for a whole one.
as_ubuntu rm -rf "$MINICONDA/envs/d2l" ||
  fail "$MINICONDA/envs/d2l could not be removed to be made anew: above is what is in the way, such as files that somebody made as root. Remove it with sudo, and run the setup again."
say "Making the conda environment d2l with Python 3.7."
conda_create --name d2l python=3.7 pip
say "Installing $MXNET and $D2L; MXNet alone is 0.8 GB."
retry 4 as_ubuntu "$MINICONDA/envs/d2l/bin/python" -m pip --quiet --disable-pip-version-check --no-input install \
  --no-cache-dir "$MXNET" "$D2L" ||
  fail "pip could not install $MXNET and $D2L. Can the machine reach the package index (subnet's route, the parameters proxy and pipIndex)?"
say "Installed $MXNET and $D2L in $MINICONDA/envs/d2l."
