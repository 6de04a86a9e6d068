# shellcheck shell=bash
# GPUs as nvidia-smi lists them.

# inspect_gpus COUNT NAME: fail unless nvidia-smi lists at least COUNT GPUs, each with all words of NAME in its name. Only
# a line "index, name, memory" is a GPU: for a broken one it prints "ERR!" or "[Unknown Error]", and warnings on top.
inspect_gpus() {
  local output listed rest count word line='^[0-9]+, [^,!]*[[:alnum:]][^,!]*, [0-9]+ MiB$'
  local other_hardware="Stop and start the instance to get other hardware."
  local other_image="Launch an instance without image: then gpudesk selects one for the instance type."
  command -v nvidia-smi >/dev/null ||
    fail "nvidia-smi is not installed, so the image has no NVIDIA driver. $other_image"
  output=$(timeout 60 nvidia-smi --query-gpu=index,name,memory.total --format=csv,noheader) ||
    fail "nvidia-smi failed: $(join_lines "${output:-no output}"). Stop and start the instance, in case an update has replaced the driver. Otherwise the driver does not support this GPU or kernel. $other_image"
  listed=$(printf '%s\n' "$output" | grep -E "$line" || true)
  rest=$(join_lines "$(printf '%s\n' "$output" | grep -Ev "$line" || true)")
  count=$(printf '%s' "$listed" | grep -c . || true)
  if ((count < $1)); then
    fail "nvidia-smi lists $count of $1 expected GPUs${rest:+, and prints: $rest}. The hardware may be faulty. $other_hardware"
  fi
  for word in $2; do
    if (("$(printf '%s\n' "$listed" | grep -ciwF -- "$word")" < count)); then
      fail "nvidia-smi lists $(join_lines "$listed") instead of $2, which is paid for. $other_hardware"
    fi
  done
  say "GPUs found: $count of $1."
  say "$listed"
  if [ -n "$rest" ]; then
    say "nvidia-smi also prints: $rest"
  fi
}

# join_lines TEXT: print the first lines as one clause, because the cause of a failure ends with the first sentence.
join_lines() {
  printf '%s\n' "$1" | head -n 5 | sed 's/[.?!]* *$/;/; s/[.] /; /g' | tr '\n' ' ' | sed 's/; $//'
}
