# How a launcher ends: exit codes, and one line that says what happened and how to go on.
# Expects say, program and what program.sh sets, call (the launcher and its own options), asked and told (supervise.sh).

declare -A path=()
data=()

# launcher_code CODE: prints the exit code of a launcher whose mpirun ended with CODE. What is none of the program's
# own codes (a rank that was killed, 137; a lost host, 205; mpirun itself, 1 or 255) means that a rank failed.
launcher_code() {
  case $1 in
    0 | 2 | 3 | 4 | 5 | 75) echo "$1" ;;
    *) echo 5 ;;
  esac
}

# read_paths: sets path[output_dir], path[newest_checkpoint] …, and data, from what `polyad train … --paths` prints.
# What the program has to say against the recipe it says itself; its code is then in paths_code.
read_paths() {
  local key value text argument kept=()
  for argument in "${arguments[@]}"; do
    if [[ $argument != --json && $argument != --overwrite ]]; then kept+=("$argument"); fi
  done
  path=() data=() paths_code=0
  text=$(run_for_paths "${kept[@]}" --paths) || paths_code=$?
  while IFS=$'\t' read -r key value; do
    if [[ $key == data ]]; then data+=("$value"); elif [[ -n $key && -n $value ]]; then path[$key]=$value; fi
  done <<<"$text"
}

run_for_paths() { "$program" "$@"; }

# reason CODE: prints what is known of why mpirun ended with CODE.
reason() {
  if [[ -n ${lost_hosts:-} ]]; then
    echo "$lost_hosts"
  elif [[ -n $told ]]; then
    echo "$told"
  elif [[ -n $asked && $(launcher_code "$1") == 5 ]]; then
    echo "stopped by a signal before all had started, or by a second one"
  elif (($1 > 128 && $1 < 160)); then
    echo "ended by signal $(($1 - 128))"
  elif [[ $1 != 5 ]]; then
    echo "mpirun's code is $1"
  fi
}

# conclude CODE: the line at the end of a training that can go on.
conclude() {
  local code why line
  code=$(launcher_code "$1")
  [[ $code == 5 || $code == 75 ]] || return 0
  if [[ -z $is_training ]]; then
    if [[ $1 != "$code" ]]; then say "ended with code 5: $(reason "$1")"; fi
    return 0
  fi
  why=$(reason "$1")
  line="ended with code 5${why:+: $why}"
  if [[ $code == 75 ]]; then line="stopped by a signal"; fi
  read_paths 2>/dev/null
  if [[ -n ${path[newest_checkpoint]:-} ]]; then
    line+="; newest checkpoint: $(short "${path[newest_checkpoint]}")"
  elif ((paths_code == 0)); then
    line+="; there is no checkpoint yet"
  fi
  say "$line; go on with: $(command_to_go_on)"
}

# A path as it reads from this folder.
short() { echo "${1#"$PWD/"}"; }

# The launcher's own call, with --resume.
command_to_go_on() {
  local argument words=("${call[@]}") resumes=
  for argument in "${arguments[@]:1}"; do
    case $argument in
      --overwrite) ;;
      --resume) resumes=yes && words+=(--resume) ;;
      *) words+=("$argument") ;;
    esac
  done
  if [[ -z $resumes ]]; then words+=(--resume); fi
  printf '%q ' "${words[@]}" | sed 's/ $//'
}
