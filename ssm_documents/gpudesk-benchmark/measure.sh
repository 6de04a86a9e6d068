#!/usr/bin/env bash
# Measure the performance of this instance's GPUs with the PyTorch of its recipe, and print one line of JSON.
set -euo pipefail

# This is before the prelude, which would end a repeated run without a result: if SSM delivers a command twice, the second
# run prints the same result.
RESULT=/var/lib/gpudesk/benchmark/${SSM_attemptId:?}
if [ -s "$RESULT" ]; then
  cat "$RESULT"
  exit
fi

# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
source include:prelude.sh

: "${SSM_seconds:?}" "${SSM_cpu:?}"

PROGRAM=/opt/gpudesk/benchmark
LOG=/var/lib/gpudesk/benchmark/log

# In this order: the environments of recipes, that of AWS's Deep Learning images, that of the system.
CANDIDATES=(/opt/gpudesk/*/bin/python /opt/gpudesk/*/envs/*/bin/python /home/ubuntu/*conda*/envs/*/bin/python
  /opt/pytorch/bin/python /usr/bin/python3)

# Run as the user ubuntu: root must not run a Python that users can change.
has_pytorch() {
  [ -x "$1" ] && as_ubuntu "$1" -I -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
}

find_pytorch() {
  local python
  for python in "${CANDIDATES[@]}"; do
    if has_pytorch "$python" 2>/dev/null; then
      printf '%s\n' "$python"
      return
    fi
  done
  return 1
}

# Users see standard error as the progress of the step. Standard output is the result.
measure() {
  as_ubuntu "$1" -I "$PROGRAM" --seconds "$SSM_seconds" --cpu "$SSM_cpu" 2>&1 >"$RESULT.all" |
    while IFS= read -r line; do say "$line"; done >"$LOG"
}

if ((SSM_cpu == 0)) && ! timeout 60 nvidia-smi --list-gpus 2>/dev/null | grep -c "^GPU [0-9]" >/dev/null; then
  fail "nvidia-smi --list-gpus finds no NVIDIA GPU on this instance. If its type has one, stop and start the instance to get other hardware."
fi
python=$(find_pytorch) ||
  fail "The benchmark needs PyTorch, and no Python on this instance has it. Add a recipe with PyTorch, such as d2l-pytorch (POST /instances/NAME/setup)."
write_file "$PROGRAM/devices.py" 0644 root <<'DEVICES'
@@devices.py@@
DEVICES
write_file "$PROGRAM/operations.py" 0644 root <<'OPERATIONS'
@@operations.py@@
OPERATIONS
write_file "$PROGRAM/training.py" 0644 root <<'TRAINING'
@@training.py@@
TRAINING
write_file "$PROGRAM/__main__.py" 0644 root <<'MEASURE'
@@measure.py@@
MEASURE
mkdir -p "${RESULT%/*}"
if ! measure "$python"; then
  tail -n 5 "$LOG" >&2
  fail "The benchmark failed. The output of the step has the last lines of $python."
fi
tail -n 1 "$RESULT.all" >"$RESULT.new"
mv -f "$RESULT.new" "$RESULT"
rm -f "$RESULT.all"
cat "$RESULT"
