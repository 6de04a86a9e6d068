# shellcheck shell=bash
# Miniconda in the user's home, where the chapter has it.

export MINICONDA=/home/ubuntu/miniconda3

# conda_create WORD...: from conda-forge and nothing else. The default channels want terms accepted, which a machine does
# not do in anyone's name.
conda_create() {
  retry 4 as_ubuntu "$MINICONDA/bin/conda" create --yes --quiet --override-channels --channel conda-forge "$@" ||
    fail "conda could not make an environment with $*. Can the machine reach conda.anaconda.org (subnet's route, the parameter proxy)?"
}
