# The check of all hosts before a run, at once, by launch/host-check. Expects hosts.sh, ending.sh and hostfile.sh.

# Seconds in which a host must answer, and in which its check must be done.
reach_limit=10
check_limit=60

# preflight: sets cores and allowed, a place a host; bad, the places of hosts that cannot run; and shared, whether all
# hosts see the run's folder as this one does: yes, or the names of those that do not; empty where that is not known.
# Says a line for each bad host.
preflight() {
  local index scratch token=''
  cores=() allowed=() bad=() shared=
  scratch=$(mktemp -d)
  if [[ -n ${path[output_dir]:-} ]]; then token=$(_leave_token "${path[output_dir]}"); fi
  _start_checks "$scratch" "$token"
  _await_checks "$scratch"
  for index in "${!hosts[@]}"; do
    if [[ -z $asked ]]; then _judge "$index" "$scratch"; fi
  done
  if [[ -n $token ]]; then rm -f "$token"; fi
  rm -rf "$scratch"
}

# Leaves a file where a run's folder is, or where it will be made, and prints its path.
_leave_token() {
  local folder=$1 token
  while [[ ! -e $folder ]]; do folder=$(dirname "$folder"); done
  token=$folder/.polyad-shared-$HOSTNAME-$$
  if [[ -d $folder ]] && : 2>/dev/null >"$token"; then echo "$token"; fi
}

_start_checks() { # SCRATCH TOKEN
  local index line request mpirun_path mpirun_version
  request="program	$program"$'\n'"checksum	$(cksum <"$program")"$'\n'"library_path	${LD_LIBRARY_PATH:-}"
  if [[ -n ${path[output_dir]:-} ]]; then
    for line in tokenizer init_from; do request+=${path[$line]:+$'\n'"file	${path[$line]}"}; done
    for line in "$(realpath -s "${arguments[1]}")" "${data[@]}" "${path[model]}"/*; do
      if [[ ! -d $line ]]; then request+=$'\n'"file	$line"; fi
    done
    request+=$'\n'"model	${path[model]}"
  fi
  mpirun_path=$(command -v mpirun)
  mpirun_version=$(mpirun --version | sed -n '1s/.* //p')
  checks=()
  for index in "${!hosts[@]}"; do
    {
      echo "$request"
      if ! is_this_host "${hosts[index]}"; then echo "openmpi	${mpirun_path%/*} $mpirun_version"; fi
      # Rank 0, on the first host, writes what there is to write.
      if ((index == 0)) && [[ -n ${path[output_dir]:-} ]]; then echo "output	${path[output_dir]}"; fi
      if [[ -n $2 ]]; then echo "token	$2"; fi
    } >"$1/request.$index"
    : >"$1/answer.$index"
    reach "$index"
    timeout "$check_limit" "${reach[@]}" "$(printf %q "$root/launch/host-check")" \
      <"$1/request.$index" >"$1/answer.$index" 2>"$1/error.$index" &
    checks[index]=$!
  done
}

# Waits until all checks have ended; ends those of hosts that do not answer in time, and all if a signal asks to stop.
_await_checks() { # SCRATCH
  local index start=$SECONDS left
  while true; do
    left=
    for index in "${!checks[@]}"; do
      runs "${checks[index]}" || continue
      left=yes
      if [[ -n $asked ]] || { ((SECONDS - start >= reach_limit)) && [[ ! -s $1/answer.$index ]]; }; then
        kill "${checks[index]}" 2>/dev/null || true
      fi
    done
    [[ -n $left ]] || break
    nap 0.05
  done
}

# Reads what a host's check has told.
_judge() { # INDEX SCRATCH
  local host=${hosts[$1]} key value mark faults=() code=0 error='' ended=
  wait "${checks[$1]}" 2>/dev/null || code=$?
  cores[$1]=0 allowed[$1]=
  while IFS=$'\t' read -r mark key value; do
    [[ $mark == polyad ]] || continue
    case $key in
      bad) faults+=("$value") ;;
      note) say "$host: $value" ;;
      cores) cores[$1]=$value ;;
      allowed) allowed[$1]=$value ;;
      shared) _note_sharing "$host" "$value" ;;
      end) ended=yes ;;
    esac
  done <"$2/answer.$1"
  error=$(grep -v '^[[:space:]]*$' "$2/error.$1" 2>/dev/null | tail -n 1) || true
  if [[ ! -s $2/answer.$1 ]] && ((code != 126 && code != 127)); then
    faults+=("does not answer by ssh: ${error:-nothing was heard within $reach_limit s}")
  elif ((code == 126 || code == 127)); then
    faults+=("has no launch/host-check in $root: this folder must be at the same path on every host")
  elif [[ -z $ended && ${#faults[@]} == 0 ]]; then
    faults+=("launch/host-check did not come to its end in $check_limit s${error:+ ($error)}")
  fi
  if ((${#faults[@]} == 0)); then return; fi
  bad+=("$1")
  say "$host: $(_join "; " "${faults[@]}")"
}

_note_sharing() { # HOST ANSWER
  if [[ $2 == yes ]]; then
    shared=${shared:-yes}
  elif [[ -z $shared || $shared == yes ]]; then
    shared=$1
  else
    shared+=", $1"
  fi
}

_join() { # SEPARATOR WORD…
  local separator=$1 text=$2
  shift 2
  printf %s "$text" "${@/#/$separator}"
}
