# shellcheck shell=bash
# Miniconda in the home folder, where the chapter installs it.

export MINICONDA=/home/ubuntu/miniconda3

# conda_create ARGUMENT...: create an environment from conda-forge only. The default channels have terms that only a person
# may accept.
conda_create() {
  retry 4 as_ubuntu "$MINICONDA/bin/conda" create --yes --quiet --override-channels --channel conda-forge "$@" ||
    fail "conda could not create an environment with $*. Check that the instance can reach conda.anaconda.org (routes of the subnet, parameter proxy)."
}
