# Moments of a run at which a fault comes, for Tests/cluster/run: they are found by what the run writes. The job logs
# every step (logging_steps: 1) and scores its test sets at every twentieth.

# The newest step in the run's log: 0 before the first.
read_step() {
  local word rest
  step=0
  [[ -e $seen/train.log ]] || return 0
  while read -r _ word rest; do
    if [[ $word == step ]]; then step=${rest%%[!0-9]*}; fi
  done <"$seen/train.log"
}

# Waits until the log has step $1. Fails if the job ends before.
await_step() {
  while true; do
    read_step
    if ((step >= $1)); then return 0; fi
    is_running || return 1
    rest 0.01
  done
}

is_saving() { compgen -G "$seen/.checkpoint-*.polyad-partial-*" >/dev/null; }
is_evaluating() { ((step % 20 == 0)) && [[ ! -e $seen/evaluation/$step.json ]]; }

# A time of at most $1 milliseconds.
rest_up_to() {
  local time=$((RANDOM % ($1 + 1)))
  rest "$((time / 1000)).$(printf %03d $((time % 1000)))"
}

# Waits for a moment of the kind $1, at step $2 or later. `moment` is then the kind that it was found to be: one that was missed is a step.
# Fails if the job ends before it.
await_moment() {
  local held
  moment=$1
  case $moment in
    start)
      rest_up_to "$start_time"
      ;;
    step)
      await_step $(($2 + RANDOM % (56 - $2))) || return 1
      rest_up_to 50
      ;;
    # A rank is held for a moment, so that the others wait for it in the sum of the gradients.
    reduction)
      await_step $((1 + RANDOM % 17 + 20 * (RANDOM % 3))) || return 1
      held=${ranks[RANDOM % ${#ranks[@]}]}
      kill -STOP "$held" 2>/dev/null || return 1
      rest 0.15
      kill -CONT "$held"
      ;;
    saving)
      await_step $(($2 + RANDOM % (56 - $2))) || return 1
      until is_saving; do is_running || return 1; done
      ;;
    evaluation)
      await_step $((20 + 20 * (RANDOM % 3))) || return 1
      rest_up_to "$evaluation_time"
      ;;
  esac
  is_running || return 1
  read_step
  if ((step == 0)); then
    moment=start
  elif [[ $moment == start ]] || { [[ $moment == evaluation ]] && ! is_evaluating; }; then
    moment=step
  fi
}

# What a job of this kind adds to its recipe so that the moment is met.
settings_for() {
  if [[ $1 == saving ]]; then echo --set save_steps=1; fi
}
