# mpirun under supervision: signals reach its ranks in the form that saves, and it does not outlive them for long.
# Expects the function say, program (the executable's path) and is_training.
#
# mpirun kills its ranks a second after a TERM, INT or HUP of its own; USR1 it passes on, and the ranks save and stop
# with 75.

# What signals have asked for: nothing, save (stop after saving) or now (a second TERM or INT does not wait).
asked=
is_training=

heed_signals() {
  local name
  for name in HUP INT TERM USR1; do trap "ask $name" "$name"; done
}

# A terminal that closes may send HUP twice, and a scheduler USR1: they ask for no haste.
ask() {
  if [[ -z $asked ]]; then
    asked=save
    if [[ -n ${mpirun:-} && -n $is_training ]]; then
      say "stopping when the step under way is done and saved; a second signal does not wait"
    fi
  elif [[ $1 == INT || $1 == TERM ]] && [[ -n ${_haste:-} ]]; then
    asked=now
  fi
  if [[ $1 == INT || $1 == TERM ]]; then _haste=yes; fi
}

# A pipe that nobody writes to: reading it with a limit is a sleep without a process, during which signals are heeded.
exec {_silence}<> <(:)
nap() { read -r -t "$1" -u "$_silence" || true; }

# Whether a process of this script still runs. One that has ended may still be there, where SIGCHLD is blocked.
runs() {
  local state=
  kill -0 "$1" 2>/dev/null && { read -r state <"/proc/$1/stat"; } 2>/dev/null && [[ $state != *") Z "* ]]
}

# supervise HERE ALL COMMAND…: runs mpirun to its end, with HERE of ALL ranks on this host. Sets status to its exit code
# and told to what was said of the first rank that was lost.
supervise() {
  local errors reader
  _here=$1 _elsewhere=$(($2 - $1)) _sent='' _held='' _ending='' _seen='' _alone='' _looked='' ranks_here=()
  shift 2
  status=0 told=
  errors=$(mktemp -d)
  mkfifo "$errors/pipe"
  if [[ -t 0 ]]; then exec </dev/null; fi # a group in the background may not read the terminal
  set -m # process groups of their own, so that Ctrl-C reaches this script alone
  read_errors "$errors/told" <"$errors/pipe" &
  reader=$!
  "$@" 2>"$errors/pipe" &
  mpirun=$!
  set +m
  _started=$SECONDS
  while runs "$mpirun"; do
    nap 0.1
    _tend
  done
  wait "$mpirun" 2>/dev/null || status=$?
  mpirun=
  # Who else holds the pipe is not waited for.
  for _ in {1..10}; do
    if runs "$reader"; then nap 0.1; fi
  done
  kill -KILL "$reader" 2>/dev/null || true
  wait "$reader" 2>/dev/null || true
  if [[ -s $errors/told ]]; then told=$(<"$errors/told"); fi
  rm -rf "$errors"
}

# Copies what mpirun and its ranks say, and keeps in a file what tells of the first rank that was lost.
read_errors() { # FILE
  trap '' HUP INT TERM USR1
  local line lost='^polyad: (rank [0-9]+ of [0-9]+ on [^ ]+ (is gone|has given no sign of life)).* The job ends\.'
  local daemon='Remote daemon: .* on node ([^ ]+)'
  local task='^srun: error: ([^ :]+): tasks? ([0-9,-]+): (Killed|Segmentation fault|Aborted|Bus error)'
  local killed='process (rank [0-9]+) with PID [0-9]+ on node ([^ ]+) exited on signal ([0-9]+)'
  while IFS= read -r line || [[ -n $line ]]; do
    printf '%s\n' "$line" >&2 2>/dev/null || true # a terminal may be closed
    if [[ $line == "stopped by a signal at step"* ]]; then : >"$1.stopped"; fi
    if [[ -e $1 ]]; then continue; fi
    if [[ $line =~ $lost ]]; then
      echo "${BASH_REMATCH[1]}" >"$1"
    elif [[ $line =~ $daemon ]]; then
      echo "mpirun has lost ${BASH_REMATCH[1]}" >"$1"
    elif [[ $line =~ $task ]]; then
      echo "task ${BASH_REMATCH[2]} on ${BASH_REMATCH[1]}: ${BASH_REMATCH[3]}" >"$1"
    elif [[ $line =~ $killed ]]; then
      echo "${BASH_REMATCH[1]} on ${BASH_REMATCH[2]} was ended by signal ${BASH_REMATCH[3]}" >"$1"
    fi
  done
}

# What there is to do while mpirun runs.
_tend() {
  if [[ $asked == now || -n $_ending ]]; then
    _end_job
  elif [[ $asked == save && -n $is_training ]]; then
    _pass_on
  elif [[ -n $asked ]]; then
    _end_job # nothing to save
  fi
  if [[ -n $is_training && $SECONDS != "$_looked" ]]; then
    _looked=$SECONDS
    _notice_lonely_mpirun
  fi
}

# Passes USR1 on once mpirun and the ranks of this host can take it, and again while ranks elsewhere may still start.
_pass_on() {
  if [[ -z $_sent ]]; then
    _held=${_held:-$SECONDS}
    find_ranks
    if takes_signal "$mpirun" && ((${#ranks_here[@]} >= _here)) || ((SECONDS - _held >= 10)); then _send; fi
  elif ((_elsewhere > 0 && _sent - _started < 15 && SECONDS - _sent >= 2)) && [[ ! -e $errors/told.stopped ]]; then
    _send
  fi
}

_send() {
  kill -USR1 "$mpirun" 2>/dev/null || true
  _sent=$SECONDS
}

# Ends mpirun, which ends the ranks; after some seconds by force.
_end_job() {
  if [[ -z $_ending ]]; then
    _ending=$SECONDS
    find_ranks
    kill -TERM "$mpirun" 2>/dev/null || true
  elif ((SECONDS - _ending >= 4)); then
    kill -KILL -- "-$mpirun" "${ranks_here[@]}" 2>/dev/null || true
  fi
}

# mpirun may wait for a lost host long after the ranks have ended themselves.
_notice_lonely_mpirun() {
  local pid
  for pid in "${ranks_here[@]}"; do
    if [[ -e /proc/$pid/exe ]]; then
      _alone=
      return
    fi
  done
  find_ranks
  if ((${#ranks_here[@]} > 0)); then
    _seen=yes _alone=
  elif [[ -n $_seen && -z $_ending ]]; then
    _alone=${_alone:-$SECONDS}
    if ((SECONDS - _alone >= 8)); then
      say "the ranks on this host have ended, but mpirun waits for a host that is lost: it is ended"
      _end_job
    fi
  fi
}

# Sets ranks_here to the process numbers of the ranks on this host that hold signals back until they can take them, or
# take them already.
find_ranks() {
  local child children=()
  ranks_here=()
  read -r -a children 2>/dev/null <"/proc/$mpirun/task/$mpirun/children" || true
  for child in "${children[@]}"; do
    if [[ "/proc/$child/exe" -ef $program ]] && takes_signal "$child"; then ranks_here+=("$child"); fi
  done
}

# Whether a process catches USR1, the tenth signal, or holds it back.
takes_signal() {
  local key mask rest
  while read -r key mask rest; do
    if [[ $key == SigBlk: || $key == SigCgt: ]] && ((16#$mask & 0x200)); then return 0; fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}
