# shellcheck shell=bash
# Miniconda in the home folder, where the chapter installs it.

export MINICONDA=/home/ubuntu/miniconda3

# conda_as_ubuntu ARGUMENT...: run conda as the user ubuntu, without the packages in the home folder of the user.
conda_as_ubuntu() {
  as_ubuntu env PYTHONNOUSERSITE=1 "$MINICONDA/bin/conda" "$@"
}

# conda_create ARGUMENT...: create an environment from conda-forge only. The default channels have terms that only a person
# may accept.
conda_create() {
  retry 4 conda_as_ubuntu create --yes --quiet --override-channels --channel conda-forge "$@" ||
    fail "conda could not create an environment with $*. Check that the instance can reach conda.anaconda.org (routes of the subnet, parameter proxy)."
}
