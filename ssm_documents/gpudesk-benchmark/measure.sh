#!/usr/bin/env bash
# What this machine's GPUs can do: measured by the PyTorch of its recipe, told in one line of JSON.
set -euo pipefail

# Before the prelude, which lets no attempt run twice: a command that was sent twice gets the figures of the first.
FIGURES=/var/lib/gpudesk/figures/${SSM_attemptId:?}
if [ -s "$FIGURES" ]; then
  cat "$FIGURES"
  exit
fi

# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_seconds:?}" "${SSM_cpu:?}"

PROGRAM=/opt/gpudesk/benchmark/measure.py
LOG=/var/lib/gpudesk/figures/log

# Recipes' environments first, then that of AWS's Deep Learning images, then the system's.
PLACES=(/opt/gpudesk/*/bin/python /opt/gpudesk/*/envs/*/bin/python /home/ubuntu/*conda*/envs/*/bin/python
  /opt/pytorch/bin/python /usr/bin/python3)

# As the user: a Python of theirs must not run as root, and PyTorch needs no more.
has_pytorch() {
  [ -x "$1" ] && as_ubuntu "$1" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
}

find_pytorch() {
  local python
  for python in "${PLACES[@]}"; do
    if has_pytorch "$python" 2>/dev/null; then
      printf '%s\n' "$python"
      return
    fi
  done
  return 1
}

# Its words are the progress that people are shown; standard output is for the figures alone.
measure() {
  as_ubuntu "$1" "$PROGRAM" --seconds "$SSM_seconds" --cpu "$SSM_cpu" 2>&1 >"$FIGURES.all" |
    while IFS= read -r line; do say "$line"; done >"$LOG"
}

if ((SSM_cpu == 0)) && ! timeout 60 nvidia-smi --list-gpus >/dev/null 2>&1; then
  fail "This machine has no NVIDIA GPU that its driver can see (nvidia-smi --list-gpus). Where there should be one, stop and start the instance to get other hardware."
fi
python=$(find_pytorch) ||
  fail "No Python with PyTorch is here, and it is PyTorch that measures. Add a recipe that brings it, such as d2l-pytorch (POST /instances/.../setup)."
write_file "$PROGRAM" 0644 root <<'MEASURE'
@@measure.py@@
MEASURE
mkdir -p "${FIGURES%/*}"
if ! measure "$python"; then
  tail -n 5 "$LOG" >&2
  fail "The measurement failed; above is what $python said last."
fi
tail -n 1 "$FIGURES.all" >"$FIGURES.new"
mv -f "$FIGURES.new" "$FIGURES"
rm -f "$FIGURES.all"
cat "$FIGURES"
