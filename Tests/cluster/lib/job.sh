# Jobs on the test hosts, for Tests/cluster/run and Tests/cluster/agreement, which set here, work, recipe, count (of hosts)
# and, before a job, run (its folder) and log.

say() { echo "${0##*/}: $*" >&2; }

# Waits so many seconds, without a process of its own: nothing ever comes out of this pipe.
exec {never}<> <(:)
rest() { read -rt "$1" -u "$never" || true; }

# Microseconds.
clock() { now=${EPOCHREALTIME/[.,]/}; }

hosts() { "$here/hosts" "$@"; }

# Starts a bed that ends with this script. What it runs is a copy, so that nobody's build changes it.
start_bed() {
  local program=$1
  export BED=$2
  mkdir "$work/program"
  cp -r "$program/polyad" "$program"/*.resources "$work/program/"
  hosts up --count "$count" --share "$work" --program "$work/program" --owner "$$"
}

# Starts "$1": `local` or `mpirun` with $2 ranks on node1, `cluster` with the hostfile $2, the launcher's own `options`; then
# options of train. It goes on in the background as `job`; `launcher` is its first process.
options=()
start_job() {
  local way=$1 size=$2 command
  shift 2
  case $way in
    local) command=(launch/local -n "$size" "${options[@]}") ;;
    cluster) command=(launch/cluster "${options[@]}" "$size") ;;
    mpirun) command=(mpirun --oversubscribe --bind-to none -n "$size" .build/release/polyad train) ;;
  esac
  command+=("$recipe" --set "output_dir=$run" "$@")
  echo "+ ${command[*]}" >>"$log"
  # As `hosts exec` does it, but so that the number of the first process is known. What is started in the background
  # would otherwise be deaf to INT.
  local host
  host=$(hosts pid node1)
  (
    nsenter --target "$host" --all --wdns="$PWD" -- env --default-signal=HUP,INT,QUIT "${command[@]}" </dev/null
    exit "$?" # this shell stays, and it is the log that hears of a process that was killed
  ) >>"$log" 2>&1 &
  job=$!
  clock
  began=$now
  until launcher=$(pgrep --parent "$job") && launcher=$(pgrep --parent "$launcher"); do is_running || break; done
}

is_running() { kill -0 "$job" 2>/dev/null; }

# Waits $1 seconds at most for the job's end, and sets code and ended. Fails if it goes on.
await_end() {
  local limit
  code=none
  clock
  limit=$((now + $1 * 1000000))
  while is_running; do
    rest 0.02
    clock
    ((now < limit)) || return 1
  done
  ended=$now
  code=0
  wait "$job" 2>/dev/null || code=$?
}

# The processes called $2 on a host, by their numbers outside.
named() {
  local first
  first=$(hosts pid "$1" 2>/dev/null) || return 0
  pgrep --ns "$first" --nslist pid --exact "$2" 2>/dev/null || true
}

# What is left of a job on any host, a line each.
leftovers() {
  local i process
  for ((i = 1; i <= count; i++)); do
    for process in $(named "node$i" "polyad|mpirun|orted"); do
      echo "node$i: $(ps -o pid=,stat=,comm= --pid "$process")"
    done
  done
}

# Waits until $1 ranks run, and sets `ranks`, their processes, and `places`, their hosts. Fails if the job ends before.
find_ranks() {
  local wanted=$1 i process variables entry rank
  while true; do
    ranks=()
    places=()
    for ((i = 1; i <= count; i++)); do
      for process in $(named "node$i" polyad); do
        mapfile -d "" variables <"/proc/$process/environ" || continue
        for entry in "${variables[@]}"; do
          if [[ $entry == OMPI_COMM_WORLD_RANK=* ]]; then
            rank=${entry#*=}
            ranks[rank]=$process
            places[rank]=node$i
          fi
        done
      done
    done 2>/dev/null
    if ((${#ranks[@]} == wanted)); then return 0; fi
    is_running || return 1
    rest 0.01
  done
}

# Every host as new: nothing runs, nothing is mounted, all cables are in.
restart_hosts() {
  local i
  for ((i = 1; i <= count; i++)); do
    hosts off "node$i" 2>/dev/null || true
    hosts on "node$i"
  done
}

# What a finished run comes to: the adapter's and the last scores' sums. $1: the run's folder.
bytes() {
  sha256sum "$1/adapter_model.safetensors" | cut -c 1-64
  sed 's/, "eval_seconds": .*//' "$1/evaluation/60.json" | sha256sum | cut -c 1-64
}
