# Starting a training again after a rank or a host was lost, from its newest checkpoint. Expects start_job of the
# launcher, which runs mpirun once and sets status, and what supervise.sh and ending.sh have.

# take_restarts NUMBER: the option --restarts.
take_restarts() {
  [[ ${1:-} =~ ^(0|[1-9][0-9]{0,3})$ ]] ||
    fail "--restarts ${1:-}: expected how often a training that has lost a rank starts again, such as 3."
  restarts=$((10#$1))
}

# Only a training has checkpoints to go on from.
require_training_to_restart() {
  if ((restarts > 0)) && [[ -z $is_training ]]; then fail "--restarts is for training; ${arguments[0]} is run once"; fi
}

# run_job: runs the job to its end, with restarts, and ends the script. Codes 2, 3, 4 and 75 are final: starting again
# would not change them.
run_job() {
  local restart=0 code why mark='' wait=${POLYAD_RESTART_WAIT:-5}
  unset POLYAD_RESTART
  if ((restarts > 0)) && [[ -n $is_training ]]; then
    read_paths 2>/dev/null # a recipe that cannot be read is told by the ranks
    mark=$(recipe_mark)
  fi
  while true; do
    if [[ -n $asked ]]; then stop_early; fi
    start_job
    code=$(launcher_code "$status")
    if ((code == 5)) && [[ -n $is_training ]]; then find_lost_hosts; fi
    if ((code != 5 || restart >= restarts)) || [[ -z $is_training || -n $asked ]]; then break; fi
    restart=$((restart + 1))
    why=$(reason "$status")
    say "restart $restart of $restarts in $wait s, after code 5${why:+ ($why)}"
    pause "$wait"
    if [[ -n $asked ]]; then
      say "stopped while waiting for restart $restart"
      status=75
      break
    fi
    wait=$((wait * 2 < 60 ? wait * 2 : 60))
    export POLYAD_RESTART="$restart of $restarts after code 5${why:+ ($why)}"
    go_on "$mark"
  done
  conclude "$status"
  exit "$(launcher_code "$status")"
}

# A signal came before there was a rank that could save.
stop_early() {
  say "stopped by a signal before the ranks were started; nothing was changed"
  exit 75
}

# pause SECONDS: waits, unless a signal asks to stop.
pause() {
  local end=$((SECONDS + $1))
  while ((SECONDS < end)) && [[ -z $asked ]]; do nap 0.1; done
}

# What shows whether a run has begun in a folder: its recipe.yaml is written anew then.
recipe_mark() { stat -c '%i %.9Y %.9Z' "${path[output_dir]:-}/recipe.yaml" 2>/dev/null || true; }

# go_on MARK: turns the program's arguments into those of a run that goes on. Where the mark is still that of before the
# first start, the run was lost before it began in its folder: it is tried as it was, and must not go on from what
# another run has left there.
go_on() {
  local argument kept=()
  if [[ $(recipe_mark) == "$1" ]]; then return; fi
  for argument in "${arguments[@]}"; do
    if [[ $argument == --resume ]]; then return; fi
    if [[ $argument != --overwrite ]]; then kept+=("$argument"); fi
  done
  arguments=("${kept[@]}" --resume)
}
