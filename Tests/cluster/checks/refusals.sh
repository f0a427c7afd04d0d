# What differs on one host is refused before the first step: the host is named, and nothing is written.

# in_place FILE OTHER: node2 sees OTHER where the others see FILE.
in_place() { hosts exec node2 mount --bind "$2" "$1"; }
back_in_place() { hosts exec node2 umount "$1"; }

wrote_nothing() { [[ -z $(find "$run" -type f 2>/dev/null) ]]; }

# refused WHAT PATTERN: the job of the log ended so.
refused() {
  claim "$1: refused with a code from 2 to 5" ends_with 2 3 4 5
  claim "$1: the host and the difference are named" says "$2"
  claim "$1: nothing is written" wrote_nothing
}

# differing NAME FILE OTHER PATTERN [OPTIONS]: a job while node2 has another file.
differing() {
  fresh "$1"
  in_place "$2" "$3"
  job 60 cluster "$three" "${@:5}"
  back_in_place "$2"
  refused "${1//-/ }" "$4"
}

check_refusals() {
  local other=$work/other own line key
  mkdir -p "$other" "$work/data" "$work/model"

  # A model's weights, one bit of them.
  cp -r "$work"/program/polyad_Training.resources/tiny/. "$work/model/"
  cp "$work/model/model.safetensors" "$other/"
  change_byte "$other/model.safetensors"
  differing other-model "$work/model/model.safetensors" "$other/model.safetensors" "node2.*model\.safetensors" \
    --set "model_name_or_path=$work/model"

  # Two words of the data that have changed places.
  for ((line = 0; line < 64; line++)); do echo "{\"source\": \"reverse: ab$line\", \"target\": \"$line\"}"; done \
    >"$work/data/train.jsonl"
  sed 's/ab5"/ba5"/' "$work/data/train.jsonl" >"$other/train.jsonl"
  differing other-data "$work/data/train.jsonl" "$other/train.jsonl" "node2.*data of task reverse" \
    --set "tasks.0.train=$work/data/train.jsonl"

  # The recipe, key by key.
  own=$work/own.yaml
  cp "$recipe" "$own"
  local recipe=$own
  for key in "learning_rate: 0.004" "seed: 4" "  r: 3" "train_batch_size: 24" "micro_batches: 4" "eval_steps: 30" \
    "save_steps: 7"; do
    sed "s/^${key%:*}: .*/$key/" "$own" >"$other/recipe.yaml"
    differing "other-${key//[^a-z_]/}" "$own" "$other/recipe.yaml" "node2.*${key//[^a-z_]/}"
  done

  # The program: a byte more, which changes nothing that it does.
  cp "$work/program/polyad" "$other/polyad"
  echo >>"$other/polyad"
  differing other-program "$root/.build/release/polyad" "$other/polyad" "node2.*another build"

  # The processor.
  sed 's/^model name.*/model name\t: Another Processor/' /proc/cpuinfo >"$other/cpuinfo"
  differing other-processor /proc/cpuinfo "$other/cpuinfo" "node2.*processor.*Another Processor"
  fresh mixed-processors
  in_place /proc/cpuinfo "$other/cpuinfo"
  job 120 cluster "$three" --allow-mixed-processors --set max_steps=5
  back_in_place /proc/cpuinfo
  claim "another processor: --allow-mixed-processors goes on" ends_with 0

  # The kernels: node2's ssh sets a variable that the others do not have.
  fresh other-kernels
  give_variable node2 POLYAD_CORETYPE=HASWELL
  job 60 cluster "$three"
  refused "other kernels" "node2.*Haswell"
  hosts off node2
  hosts on node2
}

# One bit in the middle of a file.
change_byte() {
  local place=$(($(stat -c %s "$1") / 2)) old
  old=$(od -An -tu1 -j "$place" -N 1 "$1")
  printf '%b' "\\x$(printf %02x $((old ^ 1)))" | dd of="$1" bs=1 seek="$place" conv=notrunc status=none
}

# Starts a host's sshd again, which sets a variable for what comes by it.
give_variable() {
  local process
  for process in $(named "$1" sshd); do kill "$process" 2>/dev/null || true; done
  hosts exec "$1" /usr/sbin/sshd -f "$(hosts folder)/sshd_config" -o "SetEnv=$2"
}
